"""A remedy carried out: what a job has done on the target about a refusal, before the first step."""

from __future__ import annotations

from zfspull.config.schema import Job
from zfspull.errors import RefusalError
from zfspull.events import Resolved
from zfspull.plan.prune import DatasetPrune, limit
from zfspull.plan.steps import Remedy, RemedyKind
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally


async def carry_out(remedy: Remedy, job: Job, context: Context, tally: Tally) -> None:
    """Do what the job says about a refusal.

    Raises:
        RefusalError: a rollback would destroy more than the job allows in one run.
        ZfspullError: if it can't be done.
    """
    if remedy.kind is RemedyKind.ROLLBACK:
        _check_limit(remedy, job)
        await context.target.rollback(remedy.dataset, remedy.to)
    else:
        await context.target.rename(remedy.dataset, remedy.to)
    tally.destroyed += len(remedy.destroys)
    tally.emit(
        Resolved,
        dataset=remedy.dataset,
        reason=remedy.reason.value,
        remedy=remedy.kind.value,
        to=remedy.to,
        destroyed=len(remedy.destroys),
    )


def _check_limit(remedy: Remedy, job: Job) -> None:
    prune = DatasetPrune(remedy.dataset, remedy.destroys, {})
    exceeded = limit([prune], count=job.max_destroy.count, share=job.max_destroy.share, total=remedy.total)
    if exceeded is not None:
        raise RefusalError(
            f"rolling back to @{remedy.to} would destroy {exceeded.count} of {exceeded.total} snapshots, "
            f"and max_destroy allows {exceeded.limit} in one run",
            hint="see which side is right; then roll back by hand, or raise max_destroy for one run",
            dataset=remedy.dataset,
            reason=remedy.reason.value,
        )
