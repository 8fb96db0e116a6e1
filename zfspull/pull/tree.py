"""The transfers of one run: parents before children, siblings side by side, each dataset standing alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any

from zfspull.config.schema import Job
from zfspull.errors import TransientError, ZfspullError
from zfspull.plan.steps import DatasetPlan, Inherits, Plan, RemedyKind
from zfspull.pull.brake import Brake
from zfspull.pull.context import Context
from zfspull.pull.cursors import Cursors
from zfspull.pull.replica import Replica
from zfspull.pull.survey import Survey
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset, Snapshot
from zfspull.zfs.names import ancestors, parent, relative


async def pull_tree(job: Job, seen: Survey, plan: Plan, context: Context, tally: Tally) -> None:
    """Carry out the plans of all datasets; what goes wrong with one is noted in the tally, and the others go on.

    Args:
        job: the job.
        seen: both sides as they were planned for.
        plan: what is to be done.
        context: the surroundings.
        tally: the run's books.

    Raises:
        ZfspullError: if a filesystem above the replica's root can't be created.
        Exception: a bug that one dataset met, once all others are done.
    """
    await _Transfers(job, seen, plan, context, tally).run()


class _Transfers:
    """What is under way: an event for each dataset that is being made or moved, set when it is there or has failed."""

    def __init__(self, job: Job, seen: Survey, plan: Plan, context: Context, tally: Tally) -> None:
        self._job = job
        self._plan = plan
        self._context = context
        self._tally = tally
        self._source = seen.source
        self._brake = Brake(job, plan, seen.target, tally)
        self._cursors = Cursors(job, context, tally)
        self._moving = {dataset.path for dataset in plan.datasets if dataset.remedy}
        self._placed = [dataset for dataset in plan.datasets if dataset.target in plan.placeholders]
        self._there = {
            dataset.path: asyncio.Event()
            for dataset in plan.datasets
            if dataset.has_work or dataset.target in plan.placeholders
        }
        self._made: set[str] = set()
        self._bugs: list[Exception] = []

    async def run(self) -> None:
        for name in self._plan.placeholders:
            if relative(self._plan.target_root, name) is None:
                await self._context.target.create_placeholder(name, stay_plain=False)
        await self._cursors.look(self._to_mark())
        async with asyncio.TaskGroup() as group:
            for dataset in self._placed:
                group.create_task(self._alone(self._place(dataset)))
            for dataset in self._plan.datasets:
                if dataset.has_work:
                    group.create_task(self._alone(self._pull(dataset)))
                elif dataset.uncovered:
                    group.create_task(self._alone(self._cover(dataset, dataset.uncovered)))
        await self._cursors.finish()
        if self._bugs:
            raise self._bugs[0] if len(self._bugs) == 1 else ExceptionGroup("several datasets met a bug", self._bugs)

    async def _alone(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of one dataset; a bug in it costs the others nothing, and is raised when they are done."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised later
            self._bugs.append(error)

    def _to_mark(self) -> Iterator[Dataset]:
        """The source datasets whose cursor is to be made or moved; a base that is held is not covered anew."""
        for plan in self._plan.datasets:
            if plan.has_work or (plan.uncovered and not plan.uncovered.holds):
                yield self._source.datasets[plan.path]

    async def _place(self, plan: DatasetPlan) -> None:
        """Create the placeholder of a dataset that is not pulled itself, once its parent is there."""
        try:
            await self._above_is_there(plan)
            stay_plain = plan.inherits is Inherits.RAW_KEY
            await self._context.target.create_placeholder(plan.target, stay_plain=stay_plain)
            self._is_made(plan.path)
        except ZfspullError as error:
            error.dataset = error.dataset or plan.target
            self._tally.note(error)
        finally:
            self._there[plan.path].set()

    async def _pull(self, plan: DatasetPlan) -> None:
        """Pull one dataset once its parent is there; its failure is its own."""
        there = self._there[plan.path]
        on_made = partial(self._is_made, plan.path)
        replica = Replica(
            self._job,
            plan,
            self._context,
            self._tally,
            brake=self._brake,
            cursors=self._cursors,
            on_made=on_made,
        )
        try:
            placed = plan.creates or plan.remedied_by(RemedyKind.RENAME)
            moved = any(above in self._moving for above in ancestors(plan.path))
            if placed or moved:
                await self._above_is_there(plan)
            # What was moved may have brought the beginning of an interrupted receive along.
            await replica.pull(anew=plan.creates and moved)
        except ZfspullError as error:
            error.dataset = error.dataset or plan.target
            self._tally.note(error, attempts=replica.attempts)
        else:
            self._tally.succeeded += 1
        finally:
            there.set()

    def _is_made(self, path: str) -> None:
        """It has just been seen on the target, so what lies below it need not look for it again."""
        self._made.add(path)
        self._there[path].set()

    async def _cover(self, plan: DatasetPlan, base: Snapshot) -> None:
        """Make the cursor of a dataset that is up to date without one: adopted, or left so by a run that died."""
        if cursor := self._cursors.of(plan):
            await cursor.cover(base)

    async def _above_is_there(self, plan: DatasetPlan) -> None:
        """Wait for everything above that is being made or moved, and see whether the parent is there.

        Raises:
            TransientError: if it is not.
        """
        above = [*ancestors(plan.path)]
        busy = [path for path in above if path in self._there]
        for path in busy:
            await self._there[path].wait()
        name = parent(plan.target)
        if not busy or not name or above[0] in self._made:
            return
        if not (await self._context.target.look(name, plan.wanted.name if plan.wanted else "-")).exists:
            raise TransientError("its parent could not be pulled", dataset=plan.target, reason="parent_failed")
