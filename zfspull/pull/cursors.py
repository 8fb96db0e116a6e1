"""The cursors of one run: whose they are, what is held on the source for them, and what of them is taken away last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from zfspull.config.schema import Job
from zfspull.plan.cursors import CursorKind, Owner, replica_tag
from zfspull.plan.policy import Policy
from zfspull.plan.steps import DatasetPlan
from zfspull.pull.context import Context
from zfspull.pull.cursor import Cursor
from zfspull.pull.holds import Held, our_holds
from zfspull.pull.sweep import Sweep
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset


def tagged(job: Job, context: Context) -> Policy:
    """The job's policy, which lets plans know the cursors of its replica."""
    owner = _owner(job, context)
    return replace(job.policy, tag=owner.tag) if owner else job.policy


class Cursors:
    """Has the cursor of each dataset of a job.

    Args:
        job: the job.
        context: the surroundings.
        tally: the run's books.
    """

    def __init__(self, job: Job, context: Context, tally: Tally) -> None:
        self._kind = job.cursor
        self._owner = _owner(job, context)
        self._context = context
        self._tally = tally
        self._held: Held = {}
        self._sweep = Sweep()

    async def look(self, datasets: Iterable[Dataset]) -> None:
        """Find out what is held for this replica on datasets of the source, as listed."""
        if self._owner:
            looked_at = tuple(datasets)
            held = await our_holds(looked_at, self._owner, self._context)
            self._held |= {dataset.name: held.get(dataset.name, ()) for dataset in looked_at}

    def of(self, plan: DatasetPlan) -> Cursor | None:
        """The cursor of one dataset; None if the job leaves nothing on the source."""
        if not self._owner:
            return None
        held = self._held.get(plan.source, ())
        return Cursor(self._kind, self._owner, plan, self._context, self._tally, sweep=self._sweep, held=held)

    async def finish(self) -> None:
        """Take away what was left to be taken away together."""
        await self._sweep.finish()


def _owner(job: Job, context: Context) -> Owner | None:
    """Whose cursors a run moves; None if the job leaves nothing on the source."""
    if job.cursor is CursorKind.NONE or not context.machine:
        return None
    return Owner(job.name, replica_tag(context.machine, job.target))
