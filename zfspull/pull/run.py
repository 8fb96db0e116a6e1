"""One run of one job: observe, plan, transfer, verify, prune."""

from __future__ import annotations

import asyncio

from zfspull.config.schema import Job
from zfspull.errors import RefusalError, TransientError, ZfspullError
from zfspull.events import (
    DatasetFailed,
    DatasetRefused,
    HostFailed,
    Planned,
    RetryScheduled,
    RunFinished,
    RunStarted,
    Trigger,
)
from zfspull.plan.steps import DatasetPlan, Plan
from zfspull.plan.tree import plan_tree
from zfspull.pull.context import Context
from zfspull.pull.cursor import owner, tagged
from zfspull.pull.prune import decide, prune_tree
from zfspull.pull.replica import Replica, refusal_error
from zfspull.pull.report import report_datasets
from zfspull.pull.retry import backoff_seconds
from zfspull.pull.survey import Survey, survey, take_snapshots
from zfspull.pull.tally import Tally
from zfspull.zfs.names import ancestors, parent, relative


async def run_job(job: Job, context: Context, *, trigger: Trigger, run_id: str) -> RunFinished:
    """Run a job once, from `RunStarted` to `RunFinished`.

    Trouble of the job is no exception here: it is in the outcome. On cancellation the streams are ended so that they
    resume later, and the cancellation goes on.
    """
    tally = Tally(
        job=job.name, run_id=run_id, clock=context.clock, events=context.events, started_at=context.clock.now()
    )
    tally.emit(RunStarted, trigger=trigger, host=job.host)
    try:
        await _Run(job, context, tally).execute()
    except asyncio.CancelledError:
        context.events.emit(tally.finished(cancelled=True))
        raise
    finished = tally.finished()
    context.events.emit(finished)
    return finished


class _Run:
    """The phases of one run, in order."""

    def __init__(self, job: Job, context: Context, tally: Tally) -> None:
        self._job = job
        self._context = context
        self._tally = tally
        self._moving: set[str] = set()

    async def execute(self) -> None:
        try:
            seen = await self._observe()
            policy = tagged(self._job.policy, owner(self._job, self._context))
            plan = plan_tree(seen.source, seen.target, policy)
            self._announce(plan)
            await self._transfer(plan)
            await self._conclude(seen)
        except ZfspullError as error:
            self._note(error)

    async def _observe(self) -> Survey:
        """List both sides; a host that can't be reached is tried again as the job's `retry` says."""
        attempt = 1
        while True:
            try:
                await take_snapshots(self._job, self._context, self._tally)
                return await survey(self._job, self._context)
            except TransientError as error:
                if attempt >= self._job.retry.attempts:
                    raise
                self._host_failed(error)
                await self._pause(attempt, error)
            attempt += 1

    async def _pause(self, attempt: int, error: TransientError) -> None:
        retry = self._job.retry
        delay = backoff_seconds(
            attempt,
            initial_seconds=retry.initial_seconds,
            maximum_seconds=retry.maximum_seconds,
            rng=self._context.rng,
        )
        self._tally.retries += 1
        self._tally.emit(RetryScheduled, dataset="", attempt=attempt, delay_seconds=delay, reason=error.reason)
        await self._context.clock.sleep(delay)

    def _announce(self, plan: Plan) -> None:
        tally = self._tally
        tally.datasets = len(plan.datasets)
        tally.succeeded = sum(dataset.up_to_date for dataset in plan.datasets)
        tally.emit(
            Planned,
            datasets=len(plan.datasets),
            steps=sum(1 for _ in plan.steps),
            up_to_date=tally.succeeded,
            refused=len(plan.refused),
        )
        for dataset in plan.datasets:
            if dataset.refusal is not None:
                self._note(refusal_error(dataset, dataset.refusal))
        if all(dataset.wanted is None for dataset in plan.datasets):
            self._note(
                RefusalError(
                    f"source {plan.source_root} has no snapshot that the job wants",
                    hint="take snapshots there, let the job do it (`snapshots: {take: true}`), or widen `match`",
                    dataset=plan.target_root,
                    reason="no_snapshots",
                )
            )

    async def _transfer(self, plan: Plan) -> None:
        """Pull every dataset that has something to do, parents before children, siblings side by side."""
        below_root: list[DatasetPlan] = []
        for name in plan.placeholders:
            if relative(plan.target_root, name) is None:
                await self._context.target.create_placeholder(name, stay_plain=False)
            else:
                below_root += [dataset for dataset in plan.datasets if dataset.target == name]
        self._moving = {dataset.path for dataset in plan.datasets if dataset.remedy}
        made = (*below_root, *(dataset for dataset in plan.datasets if dataset.steps or dataset.remedy))
        working = {dataset.path: asyncio.Event() for dataset in made}
        async with asyncio.TaskGroup() as group:
            for dataset in below_root:
                group.create_task(self._place(dataset, working))
            for dataset in plan.datasets:
                if dataset.has_work:
                    group.create_task(self._pull(dataset, working))

    async def _place(self, plan: DatasetPlan, working: dict[str, asyncio.Event]) -> None:
        """Create the placeholder of a dataset that is not pulled itself, once its parent is there."""
        try:
            if (above := parent(plan.path) or "") in working and plan.path:
                await working[above].wait()
            await self._context.target.create_placeholder(plan.target, stay_plain=plan.stay_plain)
        except ZfspullError as error:
            error.dataset = error.dataset or plan.target
            self._note(error)
        finally:
            working[plan.path].set()

    async def _pull(self, plan: DatasetPlan, working: dict[str, asyncio.Event]) -> None:
        """Pull one dataset once its parent is there; its failure is its own."""
        replica = Replica(self._job, plan, self._context, self._tally)
        try:
            await self._ancestors_done(plan, working)
            await replica.pull()
        except ZfspullError as error:
            error.dataset = error.dataset or plan.target
            self._note(error, attempts=replica.attempts)
        else:
            self._tally.succeeded += 1
        finally:
            if plan.path in working:
                working[plan.path].set()

    async def _ancestors_done(self, plan: DatasetPlan, working: dict[str, asyncio.Event]) -> None:
        """Wait until nothing above is renamed any more, and until the parent is there if the dataset is to be made."""
        moved = any(above in self._moving for above in ancestors(plan.path))
        busy = [above for above in ancestors(plan.path) if above in working]
        if not busy or not (plan.creates or moved):
            return
        for above in busy:
            await working[above].wait()
        name = parent(plan.target)
        if plan.creates and name and not (await self._context.target.look(name, plan.steps[0].to.name)).exists:
            raise TransientError("its parent could not be pulled", dataset=plan.target, reason="parent_failed")

    async def _conclude(self, seen: Survey) -> None:
        """Prune, and tell how each dataset of the target really stands.

        A run that moved nothing and has nothing to destroy is told by the listing that it began with.
        """
        job, context, tally = self._job, self._context, self._tally
        given_up = any(prune.destroy for prune in decide(job, seen.source, seen.target, context.clock.now()))
        if job.keep is not None and (tally.changed or given_up):
            await prune_tree(job, seen.source, context, tally)
        if tally.changed:
            target = await context.target.list_tree(job.target, recursive=job.recursive)
            seen = Survey(seen.source, target)
        report_datasets(job, seen, tally)

    def _note(self, error: ZfspullError, *, attempts: int = 1) -> None:
        """Take note of what went wrong with one dataset, or with the run as a whole."""
        error.job = error.job or self._job.name
        tally = self._tally
        tally.errors.append(error)
        if isinstance(error, RefusalError):
            tally.emit(
                DatasetRefused, dataset=error.dataset, reason=error.reason, message=error.message, hint=error.hint
            )
        elif error.dataset:
            tally.emit(
                DatasetFailed,
                dataset=error.dataset,
                reason=error.reason,
                message=error.message,
                hint=error.hint,
                attempts=attempts,
            )
        else:
            self._host_failed(error)

    def _host_failed(self, error: ZfspullError) -> None:
        if error.host:
            self._tally.emit(HostFailed, host=error.host, reason=error.reason, message=error.message)
