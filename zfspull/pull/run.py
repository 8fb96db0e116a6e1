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
from zfspull.pull.missing import note_losses, tell_obstacles
from zfspull.pull.prune import PruneReport, decide, judge, prune_tree, something_to_do
from zfspull.pull.replica import refusal_error
from zfspull.pull.report import report_datasets
from zfspull.pull.retry import pause
from zfspull.pull.room import make_room
from zfspull.pull.source_prune import decide_source, failed_in, prune_source
from zfspull.pull.survey import Survey, survey
from zfspull.pull.taking import compare_clocks, take_snapshots
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
            early = await make_room(self._job, seen, plan, self._context, self._tally)
            await pull_tree(self._job, plan, self._context, self._tally)
            await self._conclude(seen, early)
        except ZfspullError as error:
            self._tally.note(error)

    async def _observe(self) -> Survey:
        """List both sides; a host that can't be reached is tried again as the job's `retry` says."""
        attempt, tried, taken = 1, False, None
        while True:
            try:
                if not tried:
                    taken, tried = await take_snapshots(self._job, self._context, self._tally), True
                seen = await survey(self._job, self._context)
            except TransientError as error:
                if attempt >= self._job.retry.attempts:
                    raise
                self._tally.host_failed(error)
                await pause(self._job.retry, self._context, self._tally, failures=attempt, error=error)
            else:
                compare_clocks(taken, seen.source, self._context, self._tally)
                return seen
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

    async def _conclude(self, seen: Survey, early: PruneReport | None) -> None:
        """Note what the source lost, prune, and tell how each dataset of the target really stands.

        A run that moved nothing and has nothing to destroy is told by the listing that it began with.
        """
        job, context, tally = self._job, self._context, self._tally
        if tally.changed:
            seen = await self._look_again(seen)
        losses = await note_losses(job, seen.source, seen.target, context, tally)
        prunes = decide(job, seen.source, seen.target, context.clock.now(), losses)
        refused = early is not None and early.exceeded is not None
        fates = judge(job, seen.target, losses)
        tell_obstacles(fates, tally)
        if not refused and something_to_do(prunes, fates):
            already = early.destroyed if early else 0
            await prune_tree(job, seen.source, context, tally, already=already)
            seen = await self._look_again(seen)
        report_datasets(job, seen, losses, tally)
        if any(prune.destroy for prune in decide_source(job, seen, context.clock.now(), failed_in(tally))):
            await prune_source(job, context, tally)

    async def _look_again(self, seen: Survey) -> Survey:
        """The survey with the target as it is now."""
        target = await self._context.target.list_tree(self._job.target, recursive=self._job.recursive)
        return Survey(seen.source, target)
