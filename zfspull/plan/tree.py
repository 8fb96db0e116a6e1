"""The plan for a whole tree: which datasets, where to, in which order, and what the source no longer has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from zfspull.plan.dataset import plan_dataset
from zfspull.plan.exclude import excluded
from zfspull.plan.policy import Policy
from zfspull.plan.steps import DatasetPlan, Plan, Reason, Refusal
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import MAX_NAME_BYTES, join, parent


def plan_tree(source: Tree, target: Tree, policy: Policy) -> Plan:
    """What to do so that `target` has what `policy` wants of `source`.

    Args:
        source: the job's tree on the host, freshly listed.
        target: the replica, freshly listed; its root need not exist.
        policy: the job's wishes.
    """
    included = {path: dataset for path, dataset in source.datasets.items() if not excluded(path, policy.exclude)}
    plans: dict[str, DatasetPlan] = {}
    for path, dataset in included.items():
        plan = plan_dataset(
            path,
            dataset,
            target.datasets.get(path),
            join(target.root, path),
            policy,
            stay_plain=_under_raw(path, included, plans, target),
        )
        plans[path] = _placeable(plan, plans, target)
    return Plan(
        source_root=source.root,
        target_root=target.root,
        datasets=tuple(plans.values()),
        placeholders=tuple(_placeholders(plans.values(), target)),
        missing=tuple(
            path for path in target.datasets if path not in source.datasets and not excluded(path, policy.exclude)
        ),
    )


def _ancestors(path: str) -> Iterator[str]:
    """The paths above `path`, the nearest first, `""` last; none for `""` itself."""
    while path:
        path = parent(path) or ""
        yield path


def _under_raw(path: str, included: Mapping[str, Dataset], plans: Mapping[str, DatasetPlan], target: Tree) -> bool:
    """Whether the nearest replica above `path` that this job makes or has made is a raw one."""
    for above in _ancestors(path):
        if above in included and (above in target.datasets or plans[above].steps):
            return included[above].encrypted
    return False


def _placeable(plan: DatasetPlan, plans: Mapping[str, DatasetPlan], target: Tree) -> DatasetPlan:
    """`plan`, or its refusal if the target dataset can't be made where it belongs."""
    if plan.path in target.datasets or not plan.steps:
        return plan
    if len(plan.target.encode()) > MAX_NAME_BYTES:
        refusal = Refusal(
            reason=Reason.NAME_TOO_LONG,
            evidence=f"the target's name {plan.target} would be longer than the {MAX_NAME_BYTES} bytes of ZFS",
            hint="choose a shorter target, or exclude the dataset",
        )
        return replace(plan, steps=(), refusal=refusal)
    for above in _ancestors(plan.path):
        if above not in target.datasets and above in plans and (blocked := plans[above]).refusal:
            refusal = Refusal(
                reason=Reason.PARENT_REFUSED,
                evidence=f"its parent {blocked.target} does not exist and is refused itself",
                hint="decide about the parent first",
            )
            return replace(plan, steps=(), refusal=refusal)
    return plan


def _placeholders(plans: Iterable[DatasetPlan], target: Tree) -> Iterator[str]:
    """What must be created so that every step has a parent to receive into, parents first, pools left out."""
    made = {plan.path for plan in plans if plan.steps}
    needed: set[str] = set()
    for path in made:
        needed.update(above for above in _ancestors(path) if above not in made and above not in target.datasets)
    if made and not target.exists:
        yield from reversed([name for name in _above(target.root) if parent(name) is not None])
    yield from (join(target.root, path) for path in sorted(needed, key=lambda path: path.split("/")))


def _above(name: str) -> Iterator[str]:
    while (above := parent(name)) is not None:
        yield above
        name = above
