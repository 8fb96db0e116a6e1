"""Retention carried out: decided from a fresh listing, refused as a whole when it is too much, then destroyed.

With it goes what follows from what the source lost: snapshots by a mirror, datasets as the job says of missing ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, RefusalError, TransientError, ZfspullError
from zfspull.events import Noticed, PruneRefused
from zfspull.plan.absence import Losses, look
from zfspull.plan.base import find_base
from zfspull.plan.exclude import excluded
from zfspull.plan.mirror import Mirror
from zfspull.plan.missing import Fate, MissingAction, judge_missing
from zfspull.plan.prune import (
    Base,
    DatasetPrune,
    KnownBase,
    LimitExceeded,
    SourceGone,
    UnknownBase,
    plan_destroy,
    plan_prune,
)
from zfspull.plan.remedies import is_aside
from zfspull.plan.trust import SET_BACK
from zfspull.pull.brake import too_much
from zfspull.pull.context import Context
from zfspull.pull.destroying import destroy_snapshots
from zfspull.pull.freed import freed_by
from zfspull.pull.missing import carry_out_fates, note_losses
from zfspull.pull.source_prune import SourcePruneReport, prune_source
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Dataset, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What retention did, or would do.

    Attributes:
        datasets: the decision for each target dataset of the job.
        missing: those that are gone on the source, and what becomes of each.
        destroyed: how many snapshots are gone; with a dry run, how many would be.
        skipped: target dataset, snapshot and reason of each that could not be destroyed.
        exceeded: set when it would be more than the job allows: then nothing was destroyed.
        freed: of a dry run, the bytes that would be free then, by dataset that would lose snapshots; None if unknown.
        on_source: the same of the source, where the job grants it.
        unreachable: why the source could not be asked for the base: then nothing was destroyed.
    """

    datasets: tuple[DatasetPrune, ...] = ()
    missing: tuple[Fate, ...] = ()
    destroyed: int = 0
    skipped: tuple[tuple[str, str, str], ...] = ()
    exceeded: LimitExceeded | None = None
    freed: Mapping[str, int | None] = field(default_factory=dict)
    on_source: SourcePruneReport = field(default_factory=SourcePruneReport)
    unreachable: ZfspullError | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """The target, and the paths of the datasets in it that were listed in full just now: nothing else may go.

    Of the others it is known what they have, but not what is held.
    """

    target: Tree
    paths: frozenset[str]


def decide(
    job: Job, source: Tree | None, target: Tree, now: float, losses: Losses | None = None
) -> tuple[DatasetPrune, ...]:
    """The decision for each target dataset of the job.

    Args:
        job: the job; what it excludes is not its to prune.
        source: the job's tree on the host, None if it could not be listed: then nothing may go.
        target: the replica, freshly listed.
        now: seconds since the epoch.
        losses: what the source lost, by `note_losses`; without it, nothing has been missing for any time.
    """
    losses = losses or Losses(look(source, target, exclude=job.exclude))
    ends = {fate.path for fate in judge(job, target, losses) if fate.action is MissingAction.DESTROY}
    return tuple(
        plan_destroy(dataset) if path in ends else _plan_one(job, path, dataset, source, losses=losses, now=now)
        for path, dataset in target.datasets.items()
        if not excluded(path, job.exclude)
    )


def judge(job: Job, target: Tree, losses: Losses) -> tuple[Fate, ...]:
    """What becomes of each target dataset that is gone on the source."""
    return judge_missing(target, losses, job.missing, exclude=job.exclude)


def something_to_do(prunes: Iterable[DatasetPrune], fates: Iterable[Fate]) -> bool:
    """Whether anything would be destroyed or moved."""
    return any(prune.destroy for prune in prunes) or any(fate.action is not MissingAction.KEEP for fate in fates)


def _plan_one(
    job: Job, path: str, dataset: Dataset, source: Tree | None, *, losses: Losses, now: float
) -> DatasetPrune:
    base = _base(path, dataset, source, losses)
    grace = job.mirror_grace_seconds
    # Of a dataset that is gone as a whole, the mirror of its snapshots says nothing: `missing` decides.
    mirror = None if grace is None or isinstance(base, SourceGone) else Mirror(grace, losses)
    return plan_prune(dataset, job.keep, base=base, zone=job.zone, now=now, mirror=mirror)


def _base(path: str, target: Dataset, source: Tree | None, losses: Losses) -> Base:
    if target.guid in losses.sight.missing:
        return SourceGone()
    # What was renamed aside is a person's to judge: it stays whole.
    dataset = None if source is None or is_aside(path) else source.datasets.get(path)
    if dataset is None:
        return UnknownBase()
    base = find_base(dataset, target).base
    return KnownBase(base.target.guid) if base else UnknownBase()


async def prune_tree(
    job: Job,
    source: Tree | None,
    context: Context,
    tally: Tally,
    *,
    dry_run: bool = False,
    confirmed: bool = False,
    already: int = 0,
    fresh: Fresh | None = None,
) -> PruneReport:
    """Destroy what retention gives up, from a fresh listing of the target.

    Args:
        job: the job.
        source: its tree on the host as listed in this run, None if it could not be.
        context: the surroundings.
        tally: the run's books.
        dry_run: destroy nothing, and say what would go.
        confirmed: a person has confirmed to go beyond the job's `max_destroy`.
        already: how many snapshots the same run has destroyed before, in an earlier turn or by rollbacks: they count
            for `max_destroy`, and if it is too much with them, the rest is left to the next run without a word.
        fresh: what was listed in full just now; None to list all of it. Nothing else is touched.
    """
    if fresh is None:
        target = await context.target.list_tree(job.target, recursive=job.recursive)
        fresh = Fresh(target, frozenset(target.datasets))
    target = fresh.target
    losses = await note_losses(job, source, target, context, tally, dry_run=dry_run)
    prunes = decide(job, source, target, context.clock.now(), losses)
    fates = judge(job, target, losses)
    exceeded = too_much(job, prunes, already=already)
    if dry_run:
        destroyed = sum(len(prune.destroy) for prune in prunes)
        return PruneReport(datasets=prunes, missing=fates, destroyed=destroyed, exceeded=exceeded)
    if exceeded is not None and already:
        return PruneReport(datasets=prunes, missing=fates)
    if exceeded is not None and not confirmed:
        tally.emit(
            PruneRefused,
            message=exceeded.message,
            hint=exceeded.hint,
            count=exceeded.count,
            limit=exceeded.limit,
        )
        tally.record(RefusalError(exceeded.message, hint=exceeded.hint, dataset=job.target, reason="max_destroy"))
        return PruneReport(datasets=prunes, missing=fates, exceeded=exceeded)
    skipped: list[tuple[str, str, str]] = []
    before = tally.destroyed
    names = {target.datasets[path].name for path in fresh.paths if path in target.datasets}
    for prune in prunes:
        if prune.destroy and not prune.whole and prune.dataset in names:
            skipped += await _destroy(prune, context, tally)
    skipped += await carry_out_fates([fate for fate in fates if fate.path in fresh.paths], context, tally)
    return PruneReport(datasets=prunes, missing=fates, destroyed=tally.destroyed - before, skipped=tuple(skipped))


def tell_of_clock(prunes: Iterable[DatasetPrune], tally: Tally) -> None:
    """Tell of snapshots that are dated back: an honest mistake, or somebody who wants others displaced by them."""
    counts = {prune.dataset: sum(SET_BACK in reasons for reasons in prune.kept.values()) for prune in prunes}
    for dataset, count in counts.items():
        if count:
            message = (
                f"{count} snapshots were {SET_BACK}: was the source's clock set back? They stay, and count for nothing"
            )
            tally.emit(Noticed, reason="dated_back", message=message, dataset=dataset)


async def _destroy(prune: DatasetPrune, context: Context, tally: Tally) -> list[tuple[str, str, str]]:
    names = [snapshot.name for snapshot in prune.destroy]
    try:
        return await destroy_snapshots(prune.dataset, names, len(prune.kept), context, tally)
    except ZfspullError as error:
        error.dataset = error.dataset or prune.dataset
        tally.record(error)
        message = f"what retention gives up stays: {error.message} (hint: {error.hint})"
        tally.emit(Noticed, reason=error.reason, message=message, dataset=prune.dataset)
        return [(prune.dataset, name, error.reason) for name in names]


async def prune_job(
    job: Job, context: Context, *, run_id: str, dry_run: bool = False, confirmed: bool = False
) -> PruneReport:
    """Prune one job by itself, outside a pull: the target, then the source as far as the job grants it.

    The source is asked for the base; unreachable, nothing is destroyed on either side.

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
    if dry_run:
        report = replace(report, freed=await freed_by(report.datasets, context.target))
    if source is not None and source.exists:
        on_source = await prune_source(job, context, tally, dry_run=dry_run, confirmed=confirmed)
        report = replace(report, on_source=on_source)
    for trouble in tally.errors:
        if not isinstance(trouble, RefusalError):
            raise trouble
    return replace(report, unreachable=unreachable)
