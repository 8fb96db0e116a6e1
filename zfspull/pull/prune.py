"""Retention carried out: decided from a fresh listing, refused as a whole when it is too much, then destroyed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, RefusalError, TransientError, ZfspullError
from zfspull.events import PruneRefused, PruneSkipped, SnapshotsDestroyed
from zfspull.plan.base import find_base
from zfspull.plan.exclude import excluded
from zfspull.plan.prune import Base, DatasetPrune, KnownBase, LimitExceeded, SourceGone, UnknownBase, limit, plan_prune
from zfspull.plan.remedies import is_aside
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What retention did, or would do.

    Attributes:
        datasets: the decision for each target dataset of the job.
        destroyed: how many snapshots are gone; with a dry run, how many would be.
        skipped: target dataset, snapshot and reason of each that could not be destroyed.
        exceeded: set when it would be more than the job allows: then nothing was destroyed.
        unreachable: why the source could not be asked for the base: then nothing was destroyed.
    """

    datasets: tuple[DatasetPrune, ...] = ()
    destroyed: int = 0
    skipped: tuple[tuple[str, str, str], ...] = ()
    exceeded: LimitExceeded | None = None
    unreachable: ZfspullError | None = None


def decide(job: Job, source: Tree | None, target: Tree, now: float) -> tuple[DatasetPrune, ...]:
    """The decision for each target dataset of the job.

    Args:
        job: the job; what it excludes is not its to prune.
        source: the job's tree on the host, None if it could not be listed: then nothing may go.
        target: the replica, freshly listed.
        now: seconds since the epoch.
    """
    return tuple(
        plan_prune(dataset, job.keep, base=_base(path, dataset, source), zone=job.zone, now=now)
        for path, dataset in target.datasets.items()
        if not excluded(path, job.exclude)
    )


def _base(path: str, target: Dataset, source: Tree | None) -> Base:
    # What was renamed aside is a person's to judge: it stays whole.
    if source is None or not source.exists or is_aside(path):
        return UnknownBase()
    dataset = source.datasets.get(path)
    if dataset is None:
        return SourceGone()
    base = find_base(dataset, target).base
    return KnownBase(base.target.guid) if base else UnknownBase()


async def prune_tree(
    job: Job, source: Tree | None, context: Context, tally: Tally, *, dry_run: bool = False, confirmed: bool = False
) -> PruneReport:
    """Destroy what retention gives up, from a fresh listing of the target.

    Args:
        job: the job.
        source: its tree on the host as listed in this run, None if it could not be.
        context: the surroundings.
        tally: the run's books.
        dry_run: destroy nothing, and say what would go.
        confirmed: a person has confirmed to go beyond the job's `max_destroy`.
    """
    target = await context.target.list_tree(job.target, recursive=job.recursive)
    prunes = decide(job, source, target, context.clock.now())
    exceeded = _exceeded(job, prunes)
    if dry_run:
        return PruneReport(datasets=prunes, destroyed=sum(len(prune.destroy) for prune in prunes), exceeded=exceeded)
    if exceeded is not None and not confirmed:
        tally.emit(
            PruneRefused,
            message=exceeded.message,
            hint=exceeded.hint,
            count=exceeded.count,
            limit=exceeded.limit,
        )
        tally.errors.append(
            RefusalError(exceeded.message, hint=exceeded.hint, job=job.name, dataset=job.target, reason="max_destroy")
        )
        return PruneReport(datasets=prunes, exceeded=exceeded)
    skipped: list[tuple[str, str, str]] = []
    before = tally.destroyed
    for prune in prunes:
        if prune.destroy:
            skipped += await _destroy(prune, context, tally)
    return PruneReport(datasets=prunes, destroyed=tally.destroyed - before, skipped=tuple(skipped))


def _exceeded(job: Job, prunes: tuple[DatasetPrune, ...]) -> LimitExceeded | None:
    return limit(
        prunes,
        count=job.max_destroy.count,
        share=job.max_destroy.share,
        total=sum(len(prune.destroy) + len(prune.kept) for prune in prunes),
    )


async def _destroy(prune: DatasetPrune, context: Context, tally: Tally) -> list[tuple[str, str, str]]:
    names = [snapshot.name for snapshot in prune.destroy]
    try:
        destroyed = await context.target.destroy_snapshots(prune.dataset, names, dry_run=False)
    except ZfspullError as error:
        tally.errors.append(error)
        return [(prune.dataset, name, error.reason) for name in names]
    if destroyed.gone:
        tally.destroyed += len(destroyed.gone)
        tally.changed = True
        kept = len(prune.kept) + len(destroyed.skipped)
        tally.emit(SnapshotsDestroyed, dataset=prune.dataset, names=destroyed.gone, kept=kept)
    for name, reason in destroyed.skipped:
        tally.emit(PruneSkipped, dataset=prune.dataset, name=name, reason=reason)
    return [(prune.dataset, name, reason) for name, reason in destroyed.skipped]


async def prune_job(
    job: Job, context: Context, *, run_id: str, dry_run: bool = False, confirmed: bool = False
) -> PruneReport:
    """Prune one job by itself, outside a pull. The source is asked for the base; unreachable, nothing is destroyed.

    Raises:
        ZfspullError: if the target can't be listed, or something else than a single snapshot stands in the way.
    """
    tally = Tally(
        job=job.name, run_id=run_id, clock=context.clock, events=context.events, started_at=context.clock.now()
    )
    source: Tree | None = None
    unreachable: ZfspullError | None = None
    try:
        source = await context.source.list_tree(job.source, recursive=job.recursive)
    except (TransientError, PermanentError) as error:
        unreachable = error
    report = await prune_tree(job, source, context, tally, dry_run=dry_run, confirmed=confirmed)
    for trouble in tally.errors:
        if not isinstance(trouble, RefusalError):
            raise trouble
    return replace(report, unreachable=unreachable)
