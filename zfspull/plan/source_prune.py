"""Which snapshots of the source may be destroyed: what the job's `keep_source` gives up, less what a guard protects.

The rules are those of `retention`, asked about the snapshots that the job pulls and about no others. What they give up
goes only if it has arrived: `GUARDS` lists every veto. Nothing here destroys anything.

The planner never goes back behind the base (`increments`), so what is older than the base and not on the target is not
going to arrive any more. It was there once, and the target's retention destroyed it, or it never was; nobody wrote down
which. So the target's own rules are asked what they would do had it arrived: what they give up is gone either way,
what they keep is protected here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from zfspull.plan.base import Base, find_base
from zfspull.plan.policy import Policy
from zfspull.plan.prune import DatasetPrune, settle
from zfspull.plan.retention import Decision, Retention, decide
from zfspull.plan.trust import judge_times
from zfspull.zfs.model import Dataset, Snapshot


NOT_PULLED = "not pulled by this job"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """What a job says of the snapshots of its source.

    Attributes:
        keep_source: which of those that it pulls stay there.
        keep: which stay on the target, None for all.
        policy: which it pulls.
        zone: the job's time zone.
        max_lag_seconds: how far the base may be behind the newest snapshot before completeness no longer counts; None
            for ever.
    """

    keep_source: Retention
    keep: Retention | None
    policy: Policy
    zone: ZoneInfo
    max_lag_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the guards look at.

    Attributes:
        base: None where the sides have nothing in common.
        newest: by guid, the newest snapshot of all and the newest that the job pulls.
        arrived: by guid, those that are on the target, or would have gone from it.
        pulled: by guid, those that the job pulls.
        partial: whether the target has an interrupted receive.
        refused, failed: what the run says of the dataset.
    """

    base: Base | None
    newest: frozenset[int]
    arrived: frozenset[int]
    pulled: frozenset[int]
    partial: bool
    refused: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """A veto.

    Attributes:
        name: as it is shown.
        protects: whether a snapshot stays whatever the rules say.
        for_completeness: whether it is there only to let everything arrive; `max_lag_before_prune` lifts those.
    """

    name: str
    protects: Callable[[_Scene, Snapshot], bool]
    for_completeness: bool = False


GUARDS: tuple[Guard, ...] = (
    Guard(NOT_PULLED, lambda scene, snapshot: snapshot.guid not in scene.pulled),
    Guard("refused", lambda scene, _: scene.refused),
    Guard("failed in this run", lambda scene, _: scene.failed, for_completeness=True),
    Guard("base unknown", lambda scene, _: scene.base is None),
    # The rest of an interrupted stream is made from a snapshot here; which one, only the token knows.
    Guard("resume token", lambda scene, _: scene.partial),
    Guard("base", lambda scene, snapshot: scene.base is not None and snapshot.guid == scene.base.target.guid),
    Guard(
        "newer than base",
        lambda scene, snapshot: scene.base is not None and snapshot.createtxg > scene.base.source.createtxg,
        for_completeness=True,
    ),
    Guard("not arrived", lambda scene, snapshot: snapshot.guid not in scene.arrived, for_completeness=True),
    Guard("newest", lambda scene, snapshot: snapshot.guid in scene.newest),
    # Among them the one that carries a cursor of ours, or of another backup box.
    Guard("held", lambda _, snapshot: snapshot.holds > 0),
    Guard("cloned", lambda _, snapshot: bool(snapshot.clones)),
)
"""Every reason for which a snapshot on the source stays though no rule keeps it."""


def plan_source_prune(
    source: Dataset,
    target: Dataset | None,
    rules: SourceRules,
    *,
    now: float,
    refused: bool = False,
    failed: bool = False,
) -> DatasetPrune:
    """Decide which snapshots of a source dataset may go; both datasets must come from fresh listings.

    Args:
        source: the dataset on the host.
        target: its replica, None without one.
        rules: what the job says.
        now: seconds since the epoch.
        refused: whether the dataset needs a person's decision.
        failed: whether it could not be pulled in this run.
    """
    pulled = sorted(filter(rules.policy.wants, source.snapshots), key=lambda snapshot: snapshot.createtxg)
    base = find_base(source, target).base if target else None

    def judge_here(snapshots: Sequence[Snapshot]) -> Decision:
        return decide(snapshots, rules.keep, zone=rules.zone, now=now)

    scene = _Scene(
        base=base,
        newest=frozenset(max(some, key=lambda one: one.createtxg).guid for some in (source.snapshots, pulled) if some),
        arrived=_arrived(source, target, base, pulled, judge_here) if target and base else frozenset(),
        pulled=frozenset(snapshot.guid for snapshot in pulled),
        partial=target is not None and target.resume_token is not None,
        refused=refused,
        failed=failed,
    )
    lifted = base is not None and _lags(pulled, base, rules.max_lag_seconds, now)
    guards = [guard for guard in GUARDS if not (lifted and guard.for_completeness)]
    reasons = decide(pulled, rules.keep_source, zone=rules.zone, now=now).reasons
    return settle(
        source,
        lambda snapshot: (
            reasons.get(snapshot.guid, ())
            + tuple(f"guard: {guard.name}" for guard in guards if guard.protects(scene, snapshot))
        ),
    )


def _lags(pulled: Sequence[Snapshot], base: Base, max_lag_seconds: float | None, now: float) -> bool:
    """Whether the base is too far behind, by the times of snapshots; one from the future proves nothing."""
    times = [snapshot.creation for snapshot in judge_times(pulled, now).believed]
    return max_lag_seconds is not None and max(times, default=0) - base.target.creation > max_lag_seconds


def _arrived(
    source: Dataset,
    target: Dataset,
    base: Base,
    pulled: Iterable[Snapshot],
    judge_here: Callable[[Sequence[Snapshot]], Decision],
) -> frozenset[int]:
    """Those of the source's that are on the target, or older than the base and given up by the target's own rules."""
    there = frozenset(snapshot.guid for snapshot in target.snapshots)
    lost = [one for one in pulled if one.guid not in there and one.createtxg < base.source.createtxg]
    had_they_arrived = judge_here(_merged(source, target, lost) if lost else ())
    return there | {snapshot.guid for snapshot in had_they_arrived.given_up}


def _merged(source: Dataset, target: Dataset, lost: Iterable[Snapshot]) -> list[Snapshot]:
    """The target's snapshots and `lost` ones of the source, in one order.

    `createtxg` orders within one pool only. So each snapshot is placed after the nearest common one before it in its
    own pool, and by its time among those that have the same place.
    """
    here = {point.guid: point.createtxg for point in source.points}
    common = [snapshot for snapshot in target.snapshots if snapshot.guid in here]
    on_target = sorted(snapshot.createtxg for snapshot in common)
    on_source = sorted(here[snapshot.guid] for snapshot in common)
    placed = [
        *(((bisect_right(on_target, one.createtxg), one.guid not in here), one) for one in target.snapshots),
        *(((bisect_right(on_source, one.createtxg), True), one) for one in lost),
    ]
    placed.sort(key=lambda entry: (entry[0], entry[1].creation, entry[1].createtxg))
    return [replace(snapshot, createtxg=order) for order, (_, snapshot) in enumerate(placed)]
