"""Retention on the source, where a job grants it by `keep_source`: decided from fresh listings of both sides.

Nothing else destroys snapshots there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, RefusalError, ZfspullError
from zfspull.events import SOURCE, Noticed, PruneRefused, PruneSkipped, SnapshotsDestroyed
from zfspull.plan.exclude import excluded
from zfspull.plan.prune import DatasetPrune, LimitExceeded
from zfspull.plan.source_prune import SourceRules, plan_source_prune
from zfspull.plan.tree import plan_tree
from zfspull.pull.brake import too_much
from zfspull.pull.context import Context
from zfspull.pull.survey import Survey, survey
from zfspull.pull.tally import Tally


_TOO_MUCH = "max_destroy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePruneReport:
    """What retention did on the source, or would do.

    Attributes:
        datasets: the decision for each dataset of the job there; empty without `keep_source`.
        destroyed: how many snapshots are gone; with a dry run, how many would be.
        skipped: source dataset, snapshot and reason of each that could not be destroyed.
        exceeded: set when it would be more than the job allows: then nothing was destroyed.
    """

    datasets: tuple[DatasetPrune, ...] = ()
    destroyed: int = 0
    skipped: tuple[tuple[str, str, str], ...] = ()
    exceeded: LimitExceeded | None = None


@dataclass(frozen=True, slots=True)
class FreshBoth:
    """Both sides, and the source datasets of which both were listed in full just now: nothing else may go."""

    seen: Survey
    datasets: frozenset[str]


def _whole(prune: DatasetPrune) -> DatasetPrune:
    """Nothing goes of it in this run."""
    return replace(prune, destroy=(), stay=(*prune.destroy, *prune.stay))


def decide_source(job: Job, seen: Survey, now: float, failed: frozenset[str] = frozenset()) -> tuple[DatasetPrune, ...]:
    """The decision for each source dataset of the job; empty if it grants nothing there.

    Args:
        job: the job; what it excludes is not its to prune.
        seen: both trees, freshly listed.
        now: seconds since the epoch.
        failed: target datasets that could not be pulled in this run.
    """
    if job.keep_source is None:
        return ()
    rules = SourceRules(
        keep_source=job.keep_source,
        keep=job.keep,
        policy=job.policy,
        zone=job.zone,
        max_lag_seconds=job.max_lag_before_prune_seconds,
    )
    plans = {plan.path: plan for plan in plan_tree(seen.source, seen.target, job.policy).datasets}
    return tuple(
        plan_source_prune(
            dataset,
            seen.target.datasets.get(path),
            rules,
            now=now,
            # A remedy is a refusal that the next run resolves.
            refused=plans[path].refusal is not None or plans[path].remedy is not None,
            failed=plans[path].target in failed,
        )
        for path, dataset in seen.source.datasets.items()
        if not excluded(path, job.exclude)
    )


def failed_in(tally: Tally) -> frozenset[str]:
    """The target datasets that could not be pulled in a run."""
    return frozenset(error.dataset for error in tally.errors if error.dataset and error.reason != _TOO_MUCH)


async def prune_source(
    job: Job,
    context: Context,
    tally: Tally,
    *,
    dry_run: bool = False,
    confirmed: bool = False,
    fresh: FreshBoth | None = None,
) -> SourcePruneReport:
    """Destroy on the source what `keep_source` gives up, from fresh listings of both sides.

    Args:
        job: the job.
        context: the surroundings.
        tally: the run's books; what failed there keeps its snapshots.
        dry_run: destroy nothing, and say what would go.
        confirmed: a person has confirmed to go beyond the job's `max_destroy`.
        fresh: what was listed in full just now; None to list all of it. Nothing else is touched.

    Raises:
        ZfspullError: if a side can't be listed.
    """
    if job.keep_source is None:
        return SourcePruneReport()
    seen = fresh.seen if fresh else await survey(job, context)
    prunes = decide_source(job, seen, context.clock.now(), failed_in(tally))
    if fresh:
        prunes = tuple(prune if prune.dataset in fresh.datasets else _whole(prune) for prune in prunes)
    exceeded = _exceeded(job, prunes)
    if dry_run:
        going = sum(len(prune.destroy) for prune in prunes)
        return SourcePruneReport(datasets=prunes, destroyed=going, exceeded=exceeded)
    if exceeded is not None and not confirmed:
        tally.emit(
            PruneRefused,
            message=exceeded.message,
            hint=exceeded.hint,
            count=exceeded.count,
            limit=exceeded.limit,
            side=SOURCE,
        )
        tally.record(RefusalError(exceeded.message, hint=exceeded.hint, host=job.host, reason=_TOO_MUCH))
        return SourcePruneReport(datasets=prunes, exceeded=exceeded)
    return await _Destroying(job, context, tally).carry_out(prunes)


def _exceeded(job: Job, prunes: tuple[DatasetPrune, ...]) -> LimitExceeded | None:
    """The limit goes by the snapshots that the job pulls: those of others make no room for more."""
    wants = job.policy.wants
    mine = sum(wants(snapshot) for prune in prunes for snapshot in (*prune.destroy, *prune.stay))
    return too_much(job, prunes, total=mine, where=SOURCE)


class _Destroying:
    """What became of the decisions so far."""

    def __init__(self, job: Job, context: Context, tally: Tally) -> None:
        self._job = job
        self._context = context
        self._tally = tally
        self._destroyed = 0
        self._skipped: list[tuple[str, str, str]] = []

    async def carry_out(self, prunes: tuple[DatasetPrune, ...]) -> SourcePruneReport:
        """Go through the datasets; what stands in the way of one stands in the way of all, and ends it."""
        for prune in prunes:
            if prune.destroy and (error := await self._destroy(prune)) is not None:
                self._note(error)
                break
        return SourcePruneReport(datasets=prunes, destroyed=self._destroyed, skipped=tuple(self._skipped))

    async def _destroy(self, prune: DatasetPrune) -> ZfspullError | None:
        names = [snapshot.name for snapshot in prune.destroy]
        result = await self._context.source.destroy_snapshots(prune.dataset, names)
        self._destroyed += len(result.gone)
        if result.gone:
            stay = len(prune.stay) + len(names) - len(result.gone)
            self._tally.emit(SnapshotsDestroyed, dataset=prune.dataset, names=result.gone, kept=stay, side=SOURCE)
        for name, reason in result.skipped:
            self._skipped.append((prune.dataset, name, reason))
            self._tally.emit(PruneSkipped, dataset=prune.dataset, name=name, reason=reason, side=SOURCE)
        return result.error

    def _note(self, error: ZfspullError) -> None:
        """Once in a run; the pull itself has gone well."""
        if isinstance(error, PermanentError) and error.reason == "permission":
            error.hint = (
                f"on host {self._job.host}: zfs allow -u USER destroy,mount {self._job.source}; "
                "or leave keep_source out"
            )
        self._tally.record(error)
        message = f"the snapshots that keep_source gives up stay on the source: {error.message}"
        self._tally.emit(Noticed, reason=error.reason, message=f"{message} (hint: {error.hint})")
