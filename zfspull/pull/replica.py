"""One dataset's replica, brought up to date: its steps in order, and again after a pause when one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, RefusalError, TransientError
from zfspull.events import ResumeDiscarded
from zfspull.plan.dataset import plan_dataset
from zfspull.plan.steps import DatasetPlan, Refusal, RemedyKind, Step
from zfspull.pull.brake import Brake
from zfspull.pull.context import Context
from zfspull.pull.cursor import Cursor
from zfspull.pull.cursors import Cursors, tagged
from zfspull.pull.progress import Progress
from zfspull.pull.remedy import carry_out
from zfspull.pull.retry import pause
from zfspull.pull.tally import Tally
from zfspull.pull.transfer import DiscardNeededError, transfer
from zfspull.zfs.model import Dataset


class Replica:
    """Brings one dataset up to date.

    Args:
        job: the job that it belongs to.
        plan: what is to be done.
        context: the surroundings.
        tally: the run's books.
        brake: on what the run destroys.
        cursors: of the run.
        on_made: called as soon as the target dataset is there, so that what lies below it need not wait for the rest.

    Attributes:
        attempts: how many were made.
    """

    def __init__(
        self,
        job: Job,
        plan: DatasetPlan,
        context: Context,
        tally: Tally,
        *,
        brake: Brake,
        cursors: Cursors,
        on_made: Callable[[], None],
    ) -> None:
        self._on_made = on_made
        self._job = job
        self._policy = tagged(job, context)
        self._plan = plan
        self._context = context
        self._tally = tally
        self._brake = brake
        self._cursors = cursors
        self._failed_in_row = 0
        self._progress = Progress()
        self.attempts = 0

    async def pull(self, *, anew: bool = False) -> None:
        """Carry out the plan; after a failure that may pass, list and plan anew and go on.

        Args:
            anew: whether to list and plan anew to begin with, as the target may have changed since.

        Only failures in a row without any progress on the target count against the job's `retry`: over a line that
        breaks every minute, a stream that takes a day still arrives. Partial state is thrown away once: if what is sent
        in its place can't be resumed either, one more full stream would not help.

        Raises:
            ZfspullError: what it was that could not be overcome.
        """
        failure: TransientError | None = None
        while True:
            self.attempts += 1
            try:
                if (anew or failure is not None) and not self._to_rename:
                    await self._replan(discard=isinstance(failure, DiscardNeededError))
                await self._carry_out()
            except TransientError as error:
                failure = error
                self._failed_in_row += 1
                in_vain = isinstance(error, DiscardNeededError) and self._progress.discards_in_vain()
                if in_vain or self._failed_in_row >= self._job.retry.attempts:
                    raise
                await pause(
                    self._job.retry,
                    self._context,
                    self._tally,
                    failures=self._failed_in_row,
                    error=error,
                    dataset=self._plan.target,
                )
            else:
                return

    @property
    def _to_rename(self) -> bool:
        """Whether something has to be renamed still; to plan without its tree would be to forget that."""
        return self._plan.remedy is not None and not self._plan.remedied_by(RemedyKind.ROLLBACK)

    async def _carry_out(self) -> None:
        if self._plan.refusal is not None:
            raise refusal_error(self._plan, self._plan.refusal)
        await self._remedy()
        plan = self._plan
        if plan.refusal is not None:
            raise refusal_error(plan, plan.refusal)
        cursor = self._cursors.of(plan)
        for step in plan.steps:
            if cursor:
                await cursor.secure(step)
            await transfer(step, self._context, self._tally, place=self._place(step, cursor))
            self._progress.arrived()
            self._on_made()
            if cursor:
                await cursor.move(step)
        if cursor and plan.uncovered:
            await cursor.cover(plan.uncovered)

    @asynccontextmanager
    async def _place(self, step: Step, cursor: Cursor | None) -> AsyncIterator[None]:
        """A place for the stream of `step`; what comes before and after takes none, so that others flow meanwhile."""
        async with self._context.slots.stream():
            if cursor:
                await cursor.keep(step)
            yield

    async def _remedy(self) -> None:
        """Do on the target what comes before the first step; what was renamed is looked at anew."""
        if self._plan.remedy is not None and self._plan.remedied_by(RemedyKind.RENAME):
            await carry_out(self._plan.remedy, self._brake, self._context, self._tally)
            self._plan = replace(self._plan, remedy=None)
            await self._replan(discard=False)
        plan = self._plan
        if plan.remedy is not None:
            self._brake.check(plan.remedy)
        if plan.discard is not None and plan.refusal is None:
            await self._discard(plan.discard)
        if plan.remedy is not None:
            await carry_out(plan.remedy, self._brake, self._context, self._tally)
        self._plan = replace(plan, discard=None, remedy=None)

    async def _discard(self, why: str) -> None:
        await self._context.target.abort_receive(self._plan.target)
        self._tally.changed = True
        self._tally.emit(ResumeDiscarded, dataset=self._plan.target, message=why)

    async def _replan(self, *, discard: bool) -> None:
        """Look at both sides again; partial state is thrown away only now that the source was seen to be well."""
        plan = self._plan
        source = (await self._context.source.list_tree(plan.source, recursive=False)).datasets.get("")
        if source is None:
            raise PermanentError(
                f"source dataset {plan.source} does not exist any more",
                hint="was it renamed or destroyed? The replica is kept as it is",
                host=self._context.source.host,
                dataset=plan.target,
                reason="source_missing",
            )
        await self._cursors.look([source])
        target = await self._target()
        if discard and target is not None and target.resume_token is not None:
            await self._discard("the source or the target says that it can't be resumed")
            target = await self._target()
        if self._progress.look(target):
            self._failed_in_row = 0
        self._plan = plan_dataset(
            plan.path,
            source,
            target,
            plan.target,
            self._policy.for_one(),
            inherits=plan.inherits,
            shares_raw_key=plan.shares_raw_key,
        )

    async def _target(self) -> Dataset | None:
        tree = await self._context.target.list_tree(self._plan.target, recursive=False)
        return tree.datasets.get("")


def refusal_error(plan: DatasetPlan, refusal: Refusal) -> RefusalError:
    """The error that stands for the refusal of a dataset."""
    return RefusalError(refusal.evidence, hint=refusal.hint, dataset=plan.target, reason=refusal.reason.value)
