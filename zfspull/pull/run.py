"""One run of one job: observe, plan, transfer, verify, prune."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from zfspull.config.schema import Job
from zfspull.errors import RefusalError, TransientError, ZfspullError
from zfspull.events import Planned, RunFinished, RunStarted, Trigger
from zfspull.plan.absence import Losses
from zfspull.plan.known import unguarded
from zfspull.plan.missing import MissingAction
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steps import Plan
from zfspull.plan.tree import plan_tree
from zfspull.pull.brake import braked
from zfspull.pull.context import Context
from zfspull.pull.cursors import tagged
from zfspull.pull.missing import note_losses, tell_obstacles
from zfspull.pull.prune import Fresh, PruneReport, decide, judge, prune_tree, something_to_do, tell_of_clock
from zfspull.pull.replica import refusal_error
from zfspull.pull.report import report_datasets
from zfspull.pull.retry import pause
from zfspull.pull.room import make_room
from zfspull.pull.source_prune import FreshBoth, decide_source, failed_in, prune_source
from zfspull.pull.survey import Survey
from zfspull.pull.taking import compare_clocks, take_snapshots
from zfspull.pull.tally import Tally
from zfspull.pull.tree import pull_tree
from zfspull.pull.watch import Watch
from zfspull.zfs.names import relative


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
        await _Run(job, context, tally, await Watch.begin(job, context)).execute()
    except asyncio.CancelledError:
        context.events.emit(tally.finished(cancelled=True))
        raise
    finished = tally.finished()
    context.events.emit(finished)
    return finished


class _Run:
    """The phases of one run, in order."""

    def __init__(self, job: Job, context: Context, tally: Tally, watch: Watch) -> None:
        self._job = job
        self._context = context
        self._tally = tally
        self._watch = watch

    async def execute(self) -> None:
        try:
            seen, plan = await self._decide(await self._observe())
            plan = braked(plan, self._job, seen.target)
            self._announce(plan)
            guess = Survey(seen.source, unguarded(seen.target))
            early = await make_room(self._job, guess, plan, self._context, self._tally)
            self._watch.doubt(plan)
            await pull_tree(self._job, seen, plan, self._context, self._tally)
            self._watch.conclude(self._tally)
            await self._conclude(seen, plan, early)
        except ZfspullError as error:
            self._tally.note(error)
            self._watch.forget([error.dataset])
        finally:
            await self._watch.end()

    async def _observe(self) -> Survey:
        """List both sides; a host that can't be reached is tried again as the job's `retry` says."""
        attempt, tried, taken = 1, False, None
        while True:
            try:
                if not tried:
                    taken = await take_snapshots(self._job, self._context, self._tally, self._watch.source)
                    tried = True
                seen = await self._watch.survey()
            except TransientError as error:
                if attempt >= self._job.retry.attempts:
                    raise
                self._tally.host_failed(error)
                await pause(self._job.retry, self._context, self._tally, failures=attempt, error=error)
            else:
                compare_clocks(taken, seen.source, self._context, self._tally)
                return seen
            attempt += 1

    async def _decide(self, seen: Survey) -> tuple[Survey, Plan]:
        """Plan; what is to be made, refused, remedied or thrown away is looked at in full before that is so."""
        policy = tagged(self._job, self._context)
        plan = plan_tree(seen.source, seen.target, policy)
        if any(one.path not in seen.target.datasets for one in plan.datasets if one.has_work):
            seen = await self._watch.whole(seen)
            plan = plan_tree(seen.source, seen.target, policy)
        grave = {one.path for one in plan.datasets if one.refusal or one.remedy or one.discard}
        grave |= {
            path
            for one in plan.datasets
            if one.remedy and (path := relative(self._job.target, one.remedy.dataset)) is not None
        }
        if not self._watch.is_fresh(seen, grave):
            seen = await self._watch.doubted(seen, grave)
            plan = plan_tree(seen.source, seen.target, policy)
        return seen, plan

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

    async def _conclude(self, seen: Survey, done: Plan, early: PruneReport | None) -> None:
        """Note what the source lost, prune, and tell how each dataset of the target really stands.

        A run that moved nothing and has nothing to destroy is told by the listing that it began with.
        """
        job, context, tally = self._job, self._context, self._tally
        plan: Plan | None = done
        if tally.changed:
            seen = await self._watch.again(seen, tally)
            plan = None
        losses = await note_losses(job, seen.source, seen.target, context, tally, plan=plan)
        prunes = self._foreseen(seen, losses)
        if tally.changed:
            tell_of_clock(prunes, tally)
        if paths := self._candidates(seen, losses, prunes):
            plan = None
            seen = await self._prune(seen, paths, losses, early)
        report_datasets(job, seen, losses, tally, plan=plan)
        await self._prune_source(seen)

    def _foreseen(self, seen: Survey, losses: Losses) -> tuple[DatasetPrune, ...]:
        """What would go of the target if nothing were held or cloned."""
        job = self._job
        if job.keep is None and job.mirror_grace_seconds is None:
            return ()
        return decide(job, seen.source, unguarded(seen.target), self._context.clock.now(), losses)

    def _candidates(self, seen: Survey, losses: Losses, prunes: Sequence[DatasetPrune]) -> set[str]:
        """The target datasets of which something could go, or be told, if nothing were held or cloned."""
        bold = unguarded(seen.target)
        fates = judge(self._job, bold, losses)
        paths = {fate.path for fate in fates if fate.obstacles or fate.action is not MissingAction.KEEP}
        going = {prune.dataset for prune in prunes if prune.destroy}
        return paths | {path for path, dataset in bold.datasets.items() if dataset.name in going}

    async def _prune(self, seen: Survey, paths: set[str], losses: Losses, early: PruneReport | None) -> Survey:
        """Prune the target datasets at `paths`, as they are just now; returns how all of it is then."""
        job, context, tally = self._job, self._context, self._tally
        self._watch.age()
        seen = await self._watch.doubted(seen, paths, source=False)
        prunes = decide(job, seen.source, seen.target, context.clock.now(), losses)
        fates = judge(job, seen.target, losses)
        tell_obstacles(fates, tally)
        refused = early is not None and early.exceeded is not None
        if refused or not something_to_do(prunes, fates):
            return seen
        fresh = Fresh(seen.target, frozenset(paths))
        await prune_tree(job, seen.source, context, tally, already=tally.destroyed, fresh=fresh)
        return await self._watch.again(seen, tally)

    async def _prune_source(self, seen: Survey) -> None:
        """The same there, if the job grants it: both sides of what could lose something are listed in full first."""
        now, failed = self._context.clock.now(), failed_in(self._tally)
        bold = Survey(unguarded(seen.source), seen.target)
        going = {prune.dataset for prune in decide_source(self._job, bold, now, failed) if prune.destroy}
        if going:
            paths = {path for path, dataset in seen.source.datasets.items() if dataset.name in going}
            self._watch.age()
            seen = await self._watch.doubted(seen, paths)
            await prune_source(self._job, self._context, self._tally, fresh=FreshBoth(seen, frozenset(going)))
