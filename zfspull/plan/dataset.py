"""The plan for one dataset: resume, full, increments, nothing, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from zfspull.plan import refusals
from zfspull.plan.base import Base, find_base, newer_than
from zfspull.plan.cursors import cursors_of
from zfspull.plan.increments import leaps
from zfspull.plan.policy import Initial, Policy
from zfspull.plan.remedies import resolve
from zfspull.plan.resume import Resumable, judge_token
from zfspull.plan.steps import DatasetPlan, Inherits, Reason, Refusal, Step, StepKind
from zfspull.zfs.model import Dataset, Point, Snapshot


def plan_dataset(
    path: str,
    source: Dataset,
    target: Dataset | None,
    target_name: str,
    policy: Policy,
    *,
    inherits: Inherits = Inherits.NOTHING,
    shares_raw_key: bool = False,
) -> DatasetPlan:
    """What to do with one dataset.

    Args:
        path: relative to the job's root.
        source: as listed on the host.
        target: as listed here, None if it does not exist.
        target_name: its full name.
        policy: the job's wishes.
        inherits: what encryption a plain replica would inherit.
        shares_raw_key: whether the target has its key from a raw replica above it.
    """
    plan = DatasetPlan(
        path=path,
        source=source.name,
        target=target_name,
        wanted=next((snapshot for snapshot in reversed(source.snapshots) if policy.wants(snapshot)), None),
        inherits=inherits,
        shares_raw_key=shares_raw_key,
        cursors=cursors_of(source, policy.tag) if policy.tag else (),
    )
    judge = partial(_judge, plan, source, policy)
    judged = judge(target)
    if target is None:
        return judged
    resolved = resolve(judged, target, policy, judge)
    return replace(resolved, uncovered=_uncovered(resolved, source)) if policy.tag else resolved


def _uncovered(plan: DatasetPlan, source: Dataset) -> Snapshot | None:
    """The base as the source has it, if no step will leave a cursor and none stands for it."""
    if plan.steps or plan.refusal or plan.base is None:
        return None
    guid = plan.base.guid
    if any(cursor.guid == guid for cursor in plan.cursors):
        return None
    return next((snapshot for snapshot in source.snapshots if snapshot.guid == guid), None)


def _judge(plan: DatasetPlan, source: Dataset, policy: Policy, target: Dataset | None) -> DatasetPlan:
    """The plan for the target as it is, without any remedy."""
    maker = _StepMaker(source, target, plan, policy)
    if target is None:
        return _first(plan, maker)
    if refusal := (
        refusals.kind_differs(source, target)
        or refusals.encryption_differs(source, target, shares_raw_key=plan.shares_raw_key)
    ):
        return replace(plan, refusal=refusal)
    if target.resume_token is not None:
        verdict = judge_token(target.resume_token, source, target)
        if isinstance(verdict, Resumable):
            return _resume(plan, maker, target, verdict)
        plan = replace(plan, discard=verdict)
        if not target.snapshots:
            return _first(plan, maker)
    return _next(plan, maker, target)


class _StepMaker:
    """Makes the steps of one dataset; it holds what they have in common."""

    def __init__(self, source: Dataset, target: Dataset | None, plan: DatasetPlan, policy: Policy) -> None:
        self.source = source
        self.policy = policy
        self._target_name = plan.target
        self._stay_plain = plan.inherits is Inherits.RAW_KEY and not source.encrypted
        encrypted_here = target.encrypted if target else plan.inherits is Inherits.OUR_KEY
        self._embedded = source.encrypted or not encrypted_here

    def make(
        self,
        kind: StepKind,
        to: Snapshot,
        base: Point | None = None,
        *,
        token: str | None = None,
        creates: bool = False,
    ) -> Step:
        return Step(
            kind=kind,
            source=self.source.name,
            target=self._target_name,
            dataset_kind=self.source.kind,
            to=to,
            base=base,
            raw=self.source.encrypted,
            creates=creates,
            # A resumed receive has its encryption from the first part, and zfs refuses to hear of it again.
            stay_plain=self._stay_plain and creates and token is None,
            embedded=self._embedded,
            token=token,
        )

    def brought(self, point: Point) -> tuple[Snapshot, ...]:
        """The snapshots that the increments from `point` bring: all that are wanted."""
        return tuple(snapshot for snapshot in newer_than(self.source, point) if self.policy.wants(snapshot))

    def after(self, point: Point) -> tuple[Step, ...]:
        """The increments from `point` to the newest snapshot wanted."""
        return tuple(
            self.make(StepKind.RANGE if leap.intermediate else StepKind.INCREMENTAL, leap.to, leap.base)
            for leap in leaps(point, newer_than(self.source, point), self.policy.wants)
        )


def _first(plan: DatasetPlan, maker: _StepMaker) -> DatasetPlan:
    """There is no replica yet."""
    wanted = [snapshot for snapshot in maker.source.snapshots if maker.policy.wants(snapshot)]
    if not wanted:
        return plan
    if maker.policy.initial is Initial.REFUSE:
        return replace(
            plan,
            refusal=Refusal(
                reason=Reason.INITIAL_REFUSED,
                evidence=f"target {plan.target} does not exist, and the job has `initial: refuse`",
                hint="set `initial: all` or `initial: newest` for the first pull",
            ),
        )
    start = wanted[0] if maker.policy.initial is Initial.ALL else wanted[-1]
    return replace(plan, steps=(maker.make(StepKind.FULL, start, creates=True), *maker.after(start)))


def _resume(plan: DatasetPlan, maker: _StepMaker, target: Dataset, found: Resumable) -> DatasetPlan:
    """There is a beginning of the next snapshot, made of the target's newest one if it is an increment."""
    source = maker.source
    refusal = refusals.name_taken(source, target, (found.to, *maker.brought(found.to)))
    if refusal is None and target.newest is not None and found.base is not None:
        refusal = refusals.target_modified(source, target, Base(target=target.newest, source=found.base))
    if refusal:
        return replace(plan, base=target.newest, refusal=refusal)
    step = maker.make(StepKind.RESUME, found.to, found.base, token=target.resume_token, creates=not target.snapshots)
    return replace(plan, base=target.newest, steps=(step, *maker.after(found.to)))


def _next(plan: DatasetPlan, maker: _StepMaker, target: Dataset) -> DatasetPlan:
    """There is a replica, or a placeholder: find the base and go on from there."""
    source = maker.source
    if plan.wanted is None and not target.snapshots:
        return plan
    lineage = find_base(source, target)
    refusal = refusals.foreign_target(source, target) or refusals.no_base(source, target, lineage)
    if refusal or lineage.base is None:
        return replace(plan, refusal=refusal)
    return _increments(replace(plan, base=lineage.base.target), maker, target, lineage.base)


def _increments(plan: DatasetPlan, maker: _StepMaker, target: Dataset, base: Base) -> DatasetPlan:
    steps = maker.after(base.source)
    if refusal := refusals.target_newer(maker.source, target, base):
        return replace(plan, refusal=refusal)
    if refusal := refusals.name_taken(maker.source, target, maker.brought(base.source)):
        return replace(plan, refusal=refusal)
    if steps and (refusal := refusals.target_modified(maker.source, target, base)):
        return replace(plan, refusal=refusal)
    return replace(plan, steps=steps)
