"""What a job has done about a refusal without a person: the remedy, and the plan as it is once that is done.

A remedy changes the target only, and never destroys but by a rollback to the base. It is decided here by planning
once more on the target as it would be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from zfspull.plan.policy import REMEDIES, Policy
from zfspull.plan.steps import DatasetPlan, Reason, Remedy, RemedyKind
from zfspull.zfs.model import Dataset, Snapshot
from zfspull.zfs.names import MAX_NAME_BYTES


Replan = Callable[[Dataset | None], DatasetPlan]

_ASIDE = re.compile(r"-aside-[0-9a-f]{16}(?:/|$)")


def resolve(plan: DatasetPlan, target: Dataset, policy: Policy, replan: Replan) -> DatasetPlan:
    """`plan`, or the plan with a remedy if it is refused for a reason that the job has resolved.

    Args:
        plan: what was planned for the target as it is.
        target: the target as it is.
        policy: says which reasons are resolved.
        replan: plans for another state of the target, None for none at all.
    """
    if plan.refusal is None or plan.refusal.reason not in policy.resolve:
        return plan
    reason = plan.refusal.reason
    if REMEDIES[reason] is RemedyKind.ROLLBACK and plan.base is not None:
        return _rolled_back(plan, reason, target, plan.base, replan)
    if REMEDIES[reason] is RemedyKind.RENAME_ASIDE:
        return _renamed_aside(plan, reason, target, replan)
    return plan


def _rolled_back(plan: DatasetPlan, reason: Reason, target: Dataset, base: Snapshot, replan: Replan) -> DatasetPlan:
    kept = tuple(snapshot for snapshot in target.snapshots if snapshot.createtxg <= base.createtxg)
    gone = tuple(snapshot for snapshot in target.snapshots if snapshot.createtxg > base.createtxg)
    if kept_by_zfs := [snapshot.mark for snapshot in gone if snapshot.holds or snapshot.clones]:
        # zfs rollback -r would destroy the others before it stops at one of these (seen on 2.3.9).
        return _not_done(plan, f"{', '.join(kept_by_zfs)} is held or cloned, so it is not rolled back")
    after = replan(replace(target, snapshots=kept, written_bytes=0))
    if after.refusal:
        return plan
    remedy = Remedy(
        kind=RemedyKind.ROLLBACK,
        reason=reason,
        dataset=target.name,
        to=base.name,
        destroys=gone,
        total=len(target.snapshots),
    )
    return replace(after, remedy=remedy)


def _renamed_aside(plan: DatasetPlan, reason: Reason, target: Dataset, replan: Replan) -> DatasetPlan:
    after = replan(None)
    aside = aside_name(target)
    if after.refusal:
        return plan
    if len(aside.encode()) > MAX_NAME_BYTES:
        return _not_done(plan, f"{aside} would be longer than the {MAX_NAME_BYTES} bytes of ZFS")
    return replace(after, remedy=Remedy(kind=RemedyKind.RENAME_ASIDE, reason=reason, dataset=target.name, to=aside))


def _not_done(plan: DatasetPlan, why: str) -> DatasetPlan:
    """`plan`, which stays refused, with what kept it from being resolved among the evidence."""
    if plan.refusal is None:
        return plan
    return replace(plan, refusal=replace(plan.refusal, evidence=f"{plan.refusal.evidence}; {why}"))


def aside_name(target: Dataset) -> str:
    """Where a dataset is renamed to when it stands in the way: told apart by its own guid, so it is never taken."""
    return f"{target.name}-aside-{target.guid:016x}"


def is_aside(path: str) -> bool:
    """Whether what lies at `path` was renamed aside, by itself or with something above it."""
    return _ASIDE.search(path) is not None
