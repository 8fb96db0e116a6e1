"""What the source lost, in one run: looked at, written down, and carried out where the job says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from zfspull.config.schema import Job
from zfspull.errors import LocalResourceError, TransientError, ZfspullError
from zfspull.events import DatasetDestroyed, Noticed, Resolved
from zfspull.plan.absence import CAP_SECONDS, Ledger, Losses, advance, look
from zfspull.plan.duration import format_duration
from zfspull.plan.missing import Fate, Missing, MissingAction
from zfspull.plan.steps import Plan
from zfspull.plan.tree import plan_tree
from zfspull.pull.context import Context
from zfspull.pull.destroying import destroy_snapshots
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import join


async def note_losses(
    job: Job,
    source: Tree | None,
    target: Tree,
    context: Context,
    tally: Tally,
    *,
    dry_run: bool = False,
    plan: Plan | None = None,
) -> Losses:
    """Look at both sides and write down what is gone on the source; trouble with the books stops nothing.

    Args:
        job: the job.
        source: its tree on the host as listed in this run, None if it could not be.
        target: the replica, freshly listed.
        context: the surroundings.
        tally: the run's books: what has gone wrong with a dataset makes it no evidence.
        dry_run: write nothing down.
        plan: of these two trees, if there is one already.
    """
    if plan is None and source is not None:
        plan = plan_tree(source, target, job.policy)
    sight = look(source, target, exclude=job.exclude, troubled=_troubled(plan, tally))
    if not target.exists:
        return Losses(sight)
    try:
        before = await asyncio.to_thread(context.books.load, job.name)
    except LocalResourceError as error:
        before = Ledger()
        tally.emit(Noticed, reason=error.reason, message=f"{error.message}; {error.hint}")
    losses = Losses(sight, advance(before, sight, now=context.clock.now(), cap_seconds=_cap_seconds(job)))
    if not dry_run:
        _tell(job, target, losses, before, tally)
        if losses.ledger != before:
            await _save(job, losses.ledger, context, tally)
    return losses


def _troubled(plan: Plan | None, tally: Tally) -> frozenset[str]:
    """The target datasets that this run could not pull, or that are refused."""
    failed = {error.dataset for error in tally.errors if error.dataset}
    return frozenset(failed | {dataset.target for dataset in (plan.refused if plan else ())})


def _cap_seconds(job: Job) -> float:
    """The most that one run may add: see `plan.absence`."""
    interval = job.schedule.interval_seconds() if job.schedule else 0.0
    return max(CAP_SECONDS, 2 * interval)


def _tell(job: Job, target: Tree, losses: Losses, before: Ledger, tally: Tally) -> None:
    """Tell of datasets that are missing for the first time."""
    known = Losses(losses.sight, before)
    for path, dataset in target.datasets.items():
        if dataset.guid in losses.sight.missing and known.dataset_seconds(dataset.guid) is None:
            tally.emit(
                Noticed,
                reason="dataset_missing",
                message=f"{job.host}:{join(job.source, path)} is gone on the source; {_intention(job.missing)}",
                dataset=dataset.name,
            )


def _intention(policy: Missing) -> str:
    if policy.action is MissingAction.KEEP:
        return "its replica stays"
    what = "destroyed" if policy.action is MissingAction.DESTROY else "renamed aside"
    return f"its replica is to be {what} when it has been missing for {format_duration(policy.after_seconds)}"


async def _save(job: Job, ledger: Ledger, context: Context, tally: Tally) -> None:
    try:
        await asyncio.to_thread(context.books.save, job.name, ledger)
    except LocalResourceError as error:
        tally.emit(Noticed, reason=error.reason, message=f"{error.message}; {error.hint}")


Skipped = list[tuple[str, str, str]]


async def carry_out_fates(fates: Sequence[Fate], context: Context, tally: Tally) -> Skipped:
    """Destroy what is to be destroyed, the deepest first; then rename aside. What goes wrong is in the tally.

    Returns:
        Target dataset, snapshot and reason of each that could not be destroyed; "" for the dataset itself.
    """
    skipped: Skipped = []
    for fate in reversed(fates):
        if fate.action is MissingAction.DESTROY:
            skipped += await _guarded(_destroy, fate, context, tally)
    for fate in fates:
        if fate.action is MissingAction.RENAME_ASIDE and fate.to:
            skipped += await _guarded(_rename_aside, fate, context, tally)
    return skipped


def tell_obstacles(fates: Sequence[Fate], tally: Tally) -> None:
    """Tell of the datasets whose time has come, and why they stay."""
    for fate in fates:
        if fate.obstacles:
            age = format_duration(int(fate.seconds))
            tally.emit(
                Noticed,
                reason="missing_stays",
                message=f"missing on the source for {age}, and stays: {', '.join(fate.obstacles)}",
                dataset=fate.dataset.name,
            )


_Action = Callable[[Fate, Context, Tally], Awaitable[Skipped]]


async def _guarded(action: _Action, fate: Fate, context: Context, tally: Tally) -> Skipped:
    """Do it, unless the dataset has changed; its failure is its own."""
    try:
        await _check_unchanged(fate, context)
        return await action(fate, context, tally)
    except ZfspullError as error:
        error.dataset = error.dataset or fate.dataset.name
        tally.note(error)
        return [(fate.dataset.name, "", error.reason)]


async def _check_unchanged(fate: Fate, context: Context) -> None:
    """See that the dataset is what was decided upon, a moment before it is touched.

    Raises:
        TransientError: it is not.
    """
    tree = await context.target.list_tree(fate.dataset.name, recursive=True)
    now = tree.datasets.get("")
    grown = fate.action is MissingAction.DESTROY and len(tree.datasets) > 1
    if now is None or grown or _essence(now) != _essence(fate.dataset):
        raise TransientError(
            "it has changed since it was decided what becomes of it",
            hint="the next run lists both sides and decides anew",
            dataset=fate.dataset.name,
            reason="target_changed",
        )


def _essence(dataset: Dataset) -> object:
    """All that the decision rests on."""
    snapshots = [(one.guid, one.name, one.holds, one.clones) for one in dataset.snapshots]
    return dataset.guid, snapshots, dataset.resume_token, dataset.mounted, dataset.written_bytes


async def _destroy(fate: Fate, context: Context, tally: Tally) -> Skipped:
    name = fate.dataset.name
    names = [snapshot.name for snapshot in fate.dataset.snapshots]
    # The newest by itself and last: as long as it is there, the dataset is a replica like any other.
    for batch in (names[:-1], names[-1:]):
        if batch and (skipped := await destroy_snapshots(name, batch, len(names) - len(batch), context, tally)):
            return skipped
    await context.target.destroy_dataset(name)
    tally.emit(DatasetDestroyed, dataset=name, missing_seconds=fate.seconds)
    return []


async def _rename_aside(fate: Fate, context: Context, tally: Tally) -> Skipped:
    await context.target.rename(fate.dataset.name, fate.to)
    tally.changed = True
    remedy = fate.action.value
    tally.emit(Resolved, dataset=fate.dataset.name, reason="missing", remedy=remedy, to=fate.to, destroyed=0)
    return []
