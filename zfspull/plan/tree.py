"""The plan for a whole tree: which datasets, where to, in which order, and what the source no longer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from zfspull.plan.base import find_base
from zfspull.plan.dataset import plan_dataset
from zfspull.plan.exclude import excluded
from zfspull.plan.policy import REMEDIES, Policy
from zfspull.plan.renames import find_renames, moves_along, refuse_renamed
from zfspull.plan.steps import DatasetPlan, Inherits, Plan, Reason, Refusal, Remedy, RemedyKind
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import MAX_NAME_BYTES, ancestors, join, parent, place, relative


_BY_HAND = "Under `Replicas below it` in when-a-dataset-is-refused.md stands how to keep what lies below"


def plan_tree(source: Tree, target: Tree, policy: Policy) -> Plan:
    """What to do so that `target` has what `policy` wants of `source`.

    Args:
        source: the job's tree on the host, freshly listed.
        target: the replica, freshly listed; its root need not exist.
        policy: the job's wishes.
    """
    included = {path: dataset for path, dataset in source.datasets.items() if not excluded(path, policy.exclude)}
    plans: dict[str, DatasetPlan] = {}
    renames = find_renames(included, source, target)
    for path, dataset in included.items():
        replica = target.datasets.get(path)
        if path in renames and Reason.RENAMED in policy.resolve:
            replica = target.datasets[renames[path]]
        plan = plan_dataset(
            path,
            dataset,
            None if _swept_aside(path, plans) else replica,
            join(target.root, path),
            policy,
            inherits=_inherits(path, included, plans, target),
            shares_raw_key=_shares_raw_key(dataset, replica, included, target),
        )
        if path in renames:
            plan = _renamed(plan, path, renames, target, policy)
        plan = _warned(_movable(plan, included, target), included, target)
        plans[path] = _placeable(plan, plans, target)
    moving = {renames[path] for path, plan in plans.items() if path in renames and plan.refusal is None}
    return Plan(
        source_root=source.root,
        target_root=target.root,
        datasets=tuple(plans.values()),
        placeholders=tuple(_placeholders(plans, target)),
        missing=tuple(
            path
            for path in target.datasets
            if path not in source.datasets and path not in moving and not excluded(path, policy.exclude)
        ),
    )


def _inherits(path: str, included: Mapping[str, Dataset], plans: Mapping[str, DatasetPlan], target: Tree) -> Inherits:
    """What encryption comes from above: from the nearest replica that this job makes or has, or from what is there."""
    for above in ancestors(path):
        if above in included and (above in target.datasets or plans[above].steps):
            if included[above].encrypted:
                return Inherits.RAW_KEY
            there = None if plans[above].creates else target.datasets.get(above)
            return _given_by(there) if there else plans[above].inherits
    return _given_by(
        next((target.datasets[above] for above in ancestors(path) if above in target.datasets), target.above)
    )


def _given_by(above: Dataset | None) -> Inherits:
    """What a filesystem that is no raw replica passes on."""
    return Inherits.OUR_KEY if above is not None and above.encrypted else Inherits.NOTHING


def _shares_raw_key(dataset: Dataset, replica: Dataset | None, included: Mapping[str, Dataset], target: Tree) -> bool:
    """Whether the replica of a plain dataset has its key from one that this job goes on with (`zfs send -R -w`)."""
    if dataset.encrypted or replica is None or replica.encryption_root is None:
        return False
    root = relative(target.root, replica.encryption_root)
    if root is None or root not in included or root not in target.datasets:
        return False
    return find_base(included[root], target.datasets[root]).base is not None


def _renamed(plan: DatasetPlan, path: str, renames: Mapping[str, str], target: Tree, policy: Policy) -> DatasetPlan:
    """`plan` for a dataset that was renamed on the source: its replica is renamed first, or a person decides."""
    if plan.refusal:
        return plan
    if moves_along(path, renames):
        # By the time of its own remedy it lies where it should.
        return replace(plan, remedy=replace(plan.remedy, dataset=plan.target)) if plan.remedy else plan
    old = join(target.root, renames[path])
    if Reason.RENAMED not in policy.resolve:
        return replace(plan, steps=(), refusal=refuse_renamed(plan.source, old, plan.target))
    # Whatever else is to be done is planned anew once it is renamed.
    return replace(plan, remedy=Remedy(kind=RemedyKind.RENAME, reason=Reason.RENAMED, dataset=old, to=plan.target))


def _swept_aside(path: str, plans: Mapping[str, DatasetPlan]) -> bool:
    """Whether a dataset above `path` is renamed aside, and all below it with it."""
    return any(plans[above].remedied_by(RemedyKind.RENAME_ASIDE) for above in ancestors(path) if above in plans)


def _stands(path: str, plans: Mapping[str, DatasetPlan], target: Tree) -> bool:
    """Whether the target has something at `path`, also once remedies are carried out."""
    return path in target.datasets and not _swept_aside(path, plans)


def _movable(plan: DatasetPlan, included: Mapping[str, Dataset], target: Tree) -> DatasetPlan:
    """`plan`, or its refusal if renaming its target aside would take replicas along that are well."""
    if plan.remedy is None or not plan.remedied_by(RemedyKind.RENAME_ASIDE):
        return plan
    well = _well_below(plan.path, included, target)
    if well is None:
        return plan
    refusal = Refusal(
        reason=plan.remedy.reason,
        evidence=f"target {plan.target} can be no replica of {plan.source}, and renaming it aside would take "
        f"the replica {well} along, which is well",
        hint=f"decide by hand. {_BY_HAND}",
    )
    return replace(plan, steps=(), remedy=None, refusal=refusal)


def _warned(plan: DatasetPlan, included: Mapping[str, Dataset], target: Tree) -> DatasetPlan:
    """`plan`; where its refusal advises to rename the target aside, with what that would take along."""
    refusal = plan.refusal
    if refusal is None or REMEDIES.get(refusal.reason) is not RemedyKind.RENAME_ASIDE or _BY_HAND in refusal.hint:
        return plan
    well = _well_below(plan.path, included, target)
    if well is None:
        return plan
    hint = f"{refusal.hint}; but the replica {well} below it is well and would go along. {_BY_HAND}"
    return replace(plan, refusal=replace(refusal, hint=hint))


def _well_below(top: str, included: Mapping[str, Dataset], target: Tree) -> str | None:
    """The name of the first replica below `top` that can go on from what it has; None if there is none."""
    for path, replica in target.datasets.items():
        below = path != top and (not top or path.startswith(f"{top}/"))
        if below and path in included and find_base(included[path], replica).base:
            return replica.name
    return None


def _placeable(plan: DatasetPlan, plans: Mapping[str, DatasetPlan], target: Tree) -> DatasetPlan:
    """`plan`, or its refusal if the target dataset can't be made where it belongs."""
    if _stands(plan.path, plans, target) or not (plan.steps or plan.remedied_by(RemedyKind.RENAME)):
        return plan
    if len(plan.target.encode()) > MAX_NAME_BYTES:
        refusal = Refusal(
            reason=Reason.NAME_TOO_LONG,
            evidence=f"the target's name {plan.target} would be longer than the {MAX_NAME_BYTES} bytes of ZFS",
            hint="choose a shorter target, or exclude the dataset",
        )
        return replace(plan, steps=(), remedy=None, refusal=refusal)
    for above in ancestors(plan.path):
        if not _stands(above, plans, target) and above in plans and (blocked := plans[above]).refusal:
            refusal = Refusal(
                reason=Reason.PARENT_REFUSED,
                evidence=f"its parent {blocked.target} does not exist and is refused itself",
                hint="decide about the parent first",
            )
            return replace(plan, steps=(), remedy=None, refusal=refusal)
    return plan


def _placeholders(plans: Mapping[str, DatasetPlan], target: Tree) -> Iterator[str]:
    """What must be created so that every step has a parent to receive into, parents first, pools left out."""
    made = {path for path, plan in plans.items() if plan.steps or plan.remedied_by(RemedyKind.RENAME)}
    needed: set[str] = set()
    for path in made:
        needed.update(above for above in ancestors(path) if above not in made and not _stands(above, plans, target))
    if made and not target.exists:
        yield from reversed([name for name in _above(target.root) if parent(name) is not None])
    yield from (join(target.root, path) for path in sorted(needed, key=place))


def _above(name: str) -> Iterator[str]:
    while (above := parent(name)) is not None:
        yield above
        name = above
