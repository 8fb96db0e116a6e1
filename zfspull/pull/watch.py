"""Both sides of a job during one run: seen as cheaply as may be, doubted where much depends on it, and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from zfspull.config.schema import Job
from zfspull.plan.arrivals import Arrivals
from zfspull.plan.steps import Plan
from zfspull.pull.context import Context
from zfspull.pull.remembered import Remembered
from zfspull.pull.side import Side, both
from zfspull.pull.survey import Survey, checked
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Tree
from zfspull.zfs.names import join, relative


class Watch:
    """Made at the start of a run.

    Args:
        job: the job.
        context: the surroundings.
        remembered: what an earlier run left.
    """

    def __init__(self, job: Job, context: Context, remembered: Remembered) -> None:
        self._job = job
        self._context = context
        self._before = remembered
        clock, recursive = context.clock, job.recursive
        self._source = Side(
            context.source.listings, job.source, recursive=recursive, clock=clock, knowledge=remembered.source
        )
        self._target = Side(
            context.target.listings, job.target, recursive=recursive, clock=clock, knowledge=remembered.target
        )

    @classmethod
    async def begin(cls, job: Job, context: Context) -> Watch:
        """With what was left by the run before."""
        return cls(job, context, await asyncio.to_thread(context.memory.recall, job.name))

    async def survey(self) -> Survey:
        """Both sides as they are now; what others have added to the target is not looked for, see `whole`.

        Raises:
            PermanentError: if the source dataset does not exist.
            LocalResourceError: if the target's pool is not there.
            ZfspullError: if a side can't be listed.
        """
        source, target = await both(self._source.tree(), self._target.known_tree())
        return await checked(Survey(source, target), self._job, self._context)

    async def source(self) -> Tree:
        """The source as it is now."""
        return await self._source.tree()

    async def whole(self, seen: Survey) -> Survey:
        """The survey with all that is on the target: before something is made there."""
        return Survey(seen.source, await self._target.whole(seen.target))

    async def again(self, seen: Survey, tally: Tally) -> Survey:
        """The survey with the target as it is now, after what was received in this run."""
        arrivals = {
            name: Arrivals(tally.started_at, max(at for _, at in steps), tuple(step for step, _ in steps))
            for name, steps in tally.arrived.items()
            if not tally.destroyed  # a replica that only grew
        }
        tally.arrived.clear()
        source = {join(self._job.target, path): dataset for path, dataset in seen.source.datasets.items()}
        return Survey(seen.source, await self._target.known_tree(arrivals, source))

    async def doubted(self, seen: Survey, paths: Collection[str], *, source: bool = True) -> Survey:
        """The survey with the datasets at `paths` listed in full: before something is destroyed, or refused.

        Raises:
            ZfspullError: if they can't be listed.
        """
        if not source:
            return Survey(seen.source, await self._target.refreshed(seen.target, paths))
        here, there = self._source.refreshed(seen.source, paths), self._target.refreshed(seen.target, paths)
        return Survey(*await both(here, there))

    def is_fresh(self, seen: Survey, paths: Collection[str]) -> bool:
        """Whether all of them were listed in full in this run."""
        return self._source.is_fresh(seen.source, paths) and self._target.is_fresh(seen.target, paths)

    def age(self) -> None:
        """From now on, what was listed before is not fresh any more."""
        self._source.age()
        self._target.age()

    def doubt(self, plan: Plan) -> None:
        """Doubt what is about to be worked on: cursors are moved without a trace, and the run may end at any moment."""
        for dataset in plan.datasets:
            if dataset.has_work or dataset.uncovered:
                held = [step.to.guid for step in dataset.steps]
                held += [dataset.uncovered.guid] if dataset.uncovered else []
                self._source.unsettle(dataset.source, held)

    def conclude(self, tally: Tally) -> None:
        """After a failure nothing is sure."""
        self.forget(error.dataset for error in tally.errors)

    def forget(self, targets: Iterable[str]) -> None:
        """List these in full the next time, on both sides; all if one of them is none of the job's datasets."""
        names = list(targets)
        paths = [path for name in names if (path := relative(self._job.target, name)) is not None]
        if len(paths) < len(names):
            self._source.forget()
            self._target.forget()
        self._source.forget(join(self._job.source, path) for path in paths)
        self._target.forget(join(self._job.target, path) for path in paths)

    async def end(self) -> None:
        """Remember what is known, for the next run."""
        remembered = Remembered(self._source.knowledge, self._target.knowledge)
        if remembered != self._before:
            await asyncio.to_thread(self._context.memory.keep, self._job.name, remembered)
