"""Which snapshots of the target may be destroyed: what the rules give up, less what a guard protects.

A guard is an unconditional veto; `GUARDS` lists them all (promise P1). The rules themselves live in `retention`.
Nothing here destroys anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from zfspull.plan.retention import Keep, decide
from zfspull.zfs.model import Dataset, Snapshot


@dataclass(frozen=True, slots=True)
class KnownBase:
    """The newest snapshot or bookmark that both sides have, by its guid."""

    guid: int


@dataclass(frozen=True, slots=True)
class SourceGone:
    """The source was listed just now, its root was there, and this dataset was not: there is no base to protect.

    A root that is missing is no proof of anything (a pool that is not imported looks the same): that is `UnknownBase`.
    """


@dataclass(frozen=True, slots=True)
class UnknownBase:
    """Nobody knows the base: the source was not reached, or no snapshot is common with it. Nothing is destroyed."""


Base = KnownBase | SourceGone | UnknownBase


@dataclass(frozen=True, slots=True)
class DatasetPrune:
    """What is to become of the snapshots of one target dataset.

    Attributes:
        dataset: full name.
        destroy: given up by every rule and protected by no guard, oldest first.
        kept: by guid of every other snapshot, why it stays: the rules first, then the guards as in `guard: held`.
        stay: those other snapshots, oldest first.
    """

    dataset: str
    destroy: tuple[Snapshot, ...]
    kept: Mapping[int, tuple[str, ...]]
    stay: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the guards look at. `base_txg` is where the base stands on the target, None where it does not."""

    dataset: Dataset
    base: Base
    base_txg: int | None
    newest_txg: int


Guard = Callable[[_Scene, Snapshot], bool]

GUARDS: tuple[tuple[str, Guard], ...] = (
    # A base that the target has no more says that the listing and the plan do not fit together.
    ("base unknown", lambda scene, _: not isinstance(scene.base, SourceGone) and scene.base_txg is None),
    # The partial state of an incremental receive builds on a snapshot; which one, only its token knows.
    ("resume token", lambda scene, _: scene.dataset.resume_token is not None),
    ("base", lambda scene, snapshot: isinstance(scene.base, KnownBase) and snapshot.guid == scene.base.guid),
    ("newer than base", lambda scene, snapshot: scene.base_txg is not None and snapshot.createtxg > scene.base_txg),
    ("newest", lambda scene, snapshot: snapshot.createtxg == scene.newest_txg),
    ("held", lambda _, snapshot: snapshot.holds > 0),
    ("cloned", lambda _, snapshot: bool(snapshot.clones)),
)
"""By name: whether a snapshot is protected whatever the rules say."""


def plan_prune(dataset: Dataset, keep: Keep | None, *, base: Base, zone: ZoneInfo, now: float) -> DatasetPrune:
    """Decide which snapshots of a target dataset may go; `dataset` must come from a fresh listing.

    Args:
        dataset: the dataset on the target.
        keep: the job's rules, None to keep everything.
        base: what is known of the newest snapshot common with the source.
        zone: the job's time zone.
        now: seconds since the epoch.
    """
    decision = decide(dataset.snapshots, keep, zone=zone, now=now)
    scene = _scene(dataset, base)
    kept = {
        snapshot.guid: reasons
        for snapshot in dataset.snapshots
        if (reasons := decision.reasons.get(snapshot.guid, ()) + _guards(scene, snapshot))
    }
    destroy = tuple(snapshot for snapshot in decision.given_up if snapshot.guid not in kept)
    stay = sorted((snapshot for snapshot in dataset.snapshots if snapshot.guid in kept), key=lambda one: one.createtxg)
    return DatasetPrune(dataset.name, destroy, MappingProxyType(kept), tuple(stay))


def _scene(dataset: Dataset, base: Base) -> _Scene:
    wanted = base.guid if isinstance(base, KnownBase) else None
    base_txg = max((snapshot.createtxg for snapshot in dataset.snapshots if snapshot.guid == wanted), default=None)
    newest_txg = max((snapshot.createtxg for snapshot in dataset.snapshots), default=0)
    return _Scene(dataset, base, base_txg, newest_txg)


def _guards(scene: _Scene, snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(f"guard: {name}" for name, protects in GUARDS if protects(scene, snapshot))


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """One run would destroy more than the job allows, so it destroys nothing.

    Attributes:
        count: how many snapshots would go.
        limit: how many may go in one run.
        total: how many snapshots there are.
        message: what happened, with the numbers.
        hint: what to do.
    """

    count: int
    limit: int
    total: int
    message: str
    hint: str


def limit(
    prunes: Sequence[DatasetPrune], *, count: int | None, share: float | None, total: int
) -> LimitExceeded | None:
    """Say whether a run's prunes together go beyond `max_destroy`: then none of them may be carried out.

    Args:
        prunes: of all datasets of the run.
        count: how many snapshots may go in one run, None for any number.
        share: which part of `total` may go in one run, 0.0 to 1.0, rounded up to whole snapshots; None for any.
        total: how many snapshots the job's datasets have on the target before the run.

    Returns:
        None if all may be carried out. Where both limits are set, the tighter one holds.
    """
    going = sum(len(prune.destroy) for prune in prunes)
    limits = []
    if count is not None:
        limits.append((count, f"max_destroy allows {count} in one run"))
    if share is not None:
        # Rounded first, or else 0.07 of 100 would be 8: 7.000000000000001.
        part = math.ceil(round(total * share, 6))
        limits.append((part, f"max_destroy allows {share:.4g} of them, which is {part}, in one run"))
    allowed, rule = min(limits, default=(going, ""))
    if going <= allowed:
        return None
    return LimitExceeded(
        going,
        allowed,
        total,
        f"retention would destroy {going} of {total} snapshots; {rule}; nothing was destroyed",
        "look at what would go with `zfspull prune JOB --dry-run`; if that is right, `zfspull prune JOB --confirm=JOB`",
    )
