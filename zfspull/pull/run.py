"""One run of one job: observe, plan, transfer, verify, prune."""

from __future__ import annotations

import asyncio

from zfspull.config.schema import Job
from zfspull.errors import RefusalError, TransientError, ZfspullError
from zfspull.events import Planned, RunFinished, RunStarted, Trigger
from zfspull.plan.steps import Plan
from zfspull.plan.tree import plan_tree
from zfspull.pull.context import Context
from zfspull.pull.cursor import owner, tagged
from zfspull.pull.prune import decide, prune_tree
from zfspull.pull.replica import refusal_error
from zfspull.pull.report import report_datasets
from zfspull.pull.retry import pause
from zfspull.pull.survey import Survey, survey, take_snapshots
from zfspull.pull.tally import Tally
from zfspull.pull.tree import pull_tree


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

    async def execute(self) -> None:
        try:
            seen = await self._observe()
            policy = tagged(self._job.policy, owner(self._job, self._context))
            plan = plan_tree(seen.source, seen.target, policy)
            self._announce(plan)
            await pull_tree(self._job, plan, self._context, self._tally)
            await self._conclude(seen)
        except ZfspullError as error:
            self._tally.note(error)

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
                self._tally.host_failed(error)
                await pause(self._job.retry, self._context, self._tally, failures=attempt, error=error)
            attempt += 1

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
                tally.note(refusal_error(dataset, dataset.refusal))
        if all(dataset.wanted is None for dataset in plan.datasets):
            tally.note(
                RefusalError(
                    f"source {plan.source_root} has no snapshot that the job wants",
                    hint="take snapshots there, let the job do it (`snapshots: {take: true}`), or widen `match`",
                    dataset=plan.target_root,
                    reason="no_snapshots",
                )
            )

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
