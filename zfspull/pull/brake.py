"""`max_destroy`: the one place where what a run would destroy is held against what its job allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zfspull.config.schema import Job
from zfspull.errors import RefusalError
from zfspull.plan.exclude import excluded
from zfspull.plan.prune import DatasetPrune, LimitExceeded, limit
from zfspull.plan.steps import DatasetPlan, Plan, Refusal, Remedy
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Tree


_HINT = "see which side is right; then roll back by hand, or raise max_destroy for one run"


def too_much(
    job: Job, prunes: Sequence[DatasetPrune], *, total: int | None = None, where: str = "", already: int = 0
) -> LimitExceeded | None:
    """Whether it is more than the job allows in one run; then none of it may be done.

    Args:
        job: the job.
        prunes: what would go, of all datasets.
        total: of how many snapshots before the run; None for those of `prunes`, and what went already.
        where: on which side, "" for the target.
        already: how many the run has destroyed so far.
    """
    if total is None:
        total = already + sum(len(prune.destroy) + len(prune.kept) for prune in prunes)
    return limit(
        prunes, count=job.max_destroy.count, share=job.max_destroy.share, total=total, where=where, already=already
    )


def braked(plan: Plan, job: Job, target: Tree) -> Plan:
    """`plan`; where its rollbacks would destroy too much, alone or all together, they are refusals.

    Args:
        plan: of all datasets.
        job: the job.
        target: as listed.
    """
    rollbacks = _rollbacks(plan)
    together = too_much(job, [_prune(remedy) for remedy in rollbacks], total=_total(job, target))
    return replace(plan, datasets=tuple(_braked(one, job, len(rollbacks), together) for one in plan.datasets))


def _braked(plan: DatasetPlan, job: Job, rollbacks: int, together: LimitExceeded | None) -> DatasetPlan:
    remedy = plan.remedy
    if remedy is None or not remedy.destroys:
        return plan
    if together is not None and rollbacks > 1:
        evidence = f"rolling {rollbacks} datasets back, this one to @{remedy.to}, would destroy {_numbers(together)}"
    elif exceeded := together or _alone(job, remedy):
        evidence = _evidence(remedy, exceeded)
    else:
        return plan
    refusal = Refusal(reason=remedy.reason, evidence=evidence, hint=_HINT)
    return replace(plan, steps=(), remedy=None, refusal=refusal)


class Brake:
    """Over all rollbacks of one run, also those that only an attempt after the first one finds.

    Args:
        job: the job.
        plan: its rollbacks have been found to be within the limit.
        target: as listed before the run.
        tally: the run's books, of what it has destroyed.
    """

    def __init__(self, job: Job, plan: Plan, target: Tree, tally: Tally) -> None:
        self._job = job
        self._total = _total(job, target)
        self._tally = tally
        self._pending = {remedy.dataset: _prune(remedy) for remedy in _rollbacks(plan)}

    def check(self, remedy: Remedy) -> None:
        """See that a rollback is within the limit, together with what was destroyed and what is still to be.

        Raises:
            RefusalError: it is not.
        """
        if not remedy.destroys:
            return
        self._pending[remedy.dataset] = _prune(remedy)
        exceeded = _alone(self._job, remedy) or too_much(
            self._job, list(self._pending.values()), total=self._total, already=self._tally.destroyed
        )
        if exceeded is not None:
            self.done(remedy)
            raise RefusalError(
                _evidence(remedy, exceeded), hint=_HINT, dataset=remedy.dataset, reason=remedy.reason.value
            )

    def done(self, remedy: Remedy) -> None:
        """It has been carried out, so the tally has it; or it is not to be."""
        self._pending.pop(remedy.dataset, None)


def _rollbacks(plan: Plan) -> list[Remedy]:
    """Those that destroy snapshots; what was only written is not counted."""
    return [one.remedy for one in plan.datasets if one.remedy is not None and one.remedy.destroys]


def _alone(job: Job, remedy: Remedy) -> LimitExceeded | None:
    """A share is one of each dataset by itself too: a large tree is no reason to empty one of its datasets."""
    return too_much(job, [_prune(remedy)], total=remedy.total)


def _prune(remedy: Remedy) -> DatasetPrune:
    return DatasetPrune(remedy.dataset, remedy.destroys, {})


def _total(job: Job, target: Tree) -> int:
    """The snapshots that the job has on its target."""
    return sum(len(one.snapshots) for path, one in target.datasets.items() if not excluded(path, job.exclude))


def _evidence(remedy: Remedy, exceeded: LimitExceeded) -> str:
    return f"rolling back to @{remedy.to} would destroy {_numbers(exceeded)}"


def _numbers(exceeded: LimitExceeded) -> str:
    return f"{exceeded.count} of {exceeded.total} snapshots, and max_destroy allows {exceeded.limit} in one run"
