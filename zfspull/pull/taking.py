"""The snapshots that a job takes on its source before it pulls, and what they tell of the clock there.

They are named by the clock here, so that the names of one job follow each other whatever the source's clock does, and
`schedule`, logs and names speak of one time. What the rules go by is `creation`, which is the source's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, TransientError
from zfspull.events import ClockCompared, Noticed, SnapshotsTaken
from zfspull.plan.clock_skew import TOLERATED_SECONDS, skew_seconds
from zfspull.plan.duration import format_duration
from zfspull.plan.exclude import excluded
from zfspull.plan.snapshot_names import moment, taken_name
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset, Tree


_SECONDS_TO_TRY = 5
_NEXT_SECOND = 1.1
_LAST_MOMENT = 253_402_300_799  # of the year 9999, where calendars end
MAX_NAMED_BYTES = 100_000
"""How long the names of all datasets may be together: sshd hands the command to a shell as one word, which Linux limits
to 128 KiB (execve(2), MAX_ARG_STRLEN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A snapshot that was just taken: its name, and the clock here before and after."""

    name: str
    before: float
    after: float


async def take_snapshots(job: Job, context: Context, tally: Tally, look: Callable[[], Awaitable[Tree]]) -> Taken | None:
    """Take the job's snapshots, if it does; that this fails for good is no reason not to pull what is there.

    One command takes them all, so that they are of one moment. It is `zfs snapshot -r`, or where the job excludes
    something a command that names every other dataset: snapshots of what is excluded would be pulled and pruned by no
    one, and stay for ever.

    Args:
        job: the job.
        context: the surroundings.
        tally: the run's books.
        look: lists the source.

    Raises:
        TransientError: if the host can't be reached.
    """
    if not job.snapshots.take:
        return None
    datasets, recursive = [job.source], job.recursive
    if job.exclude or job.snapshots.skip_if_unwritten:
        tree = await look()
        mine = [dataset for path, dataset in tree.datasets.items() if not excluded(path, job.exclude)]
        if job.snapshots.skip_if_unwritten and not any(_written(dataset, job) for dataset in mine):
            return None
        datasets, recursive = _named(job, tree, mine)
    try:
        taken = await _take(datasets, job.snapshots.prefix, context, recursive=recursive)
    except PermanentError as error:
        tally.record(error)
        tally.emit(Noticed, reason=error.reason, message=str(error), dataset=job.source)
        return None
    tally.emit(SnapshotsTaken, name=taken.name, source=job.source, recursive=job.recursive)
    return taken


async def _take(datasets: list[str], prefix: str, context: Context, *, recursive: bool) -> Taken:
    """Take the snapshots; another job that pulls from there may have taken its own in the same second."""
    for left in reversed(range(_SECONDS_TO_TRY)):
        before = context.clock.now()
        name = taken_name(prefix, before)
        try:
            await context.source.snapshot(datasets, name, recursive=recursive)
            return Taken(name=name, before=before, after=context.clock.now())
        except TransientError as error:
            if error.reason != "snapshot_exists" or not left:
                raise
        await context.clock.sleep(_NEXT_SECOND)
    raise AssertionError


def _named(job: Job, tree: Tree, mine: list[Dataset]) -> tuple[list[str], bool]:
    """The datasets to name, and whether those below them are meant too."""
    names = [dataset.name for dataset in mine]
    everything = len(mine) == len(tree.datasets)
    too_long = sum(len(name.encode()) + len(job.snapshots.prefix) + 32 for name in names) > MAX_NAMED_BYTES
    return ([job.source], job.recursive) if everything or too_long else (names, False)


def _written(dataset: Dataset, job: Job) -> bool:
    """Whether the dataset may hold something that no snapshot has which the job pulls."""
    newest = dataset.newest
    return newest is None or dataset.written_bytes > 0 or not job.policy.wants(newest)


def compare_clocks(taken: Taken | None, source: Tree, context: Context, tally: Tally) -> None:
    """Tell how far the source's clock is from the one here, by the snapshot that was just taken there."""
    found = (dataset.newest for dataset in source.datasets.values())
    shot = next((one for one in found if one is not None and taken is not None and one.name == taken.name), None)
    if taken is None or shot is None:
        return
    host = context.source.host
    skew = skew_seconds(taken.before, shot.creation, taken.after)
    tally.emit(ClockCompared, host=host, skew_seconds=skew)
    if abs(skew) > TOLERATED_SECONDS:
        how = f"{format_duration(int(abs(skew)))} {'ahead of' if skew > 0 else 'behind'}"
        there, here = moment(min(shot.creation, _LAST_MOMENT)), moment(taken.before)
        message = (
            f"the clock of host {host} is {how} the one here: it was {there} there and {here} here when @{taken.name} "
            "was taken; keep rules go by the clock there"
        )
        tally.emit(Noticed, reason="clock_skew", message=message)
