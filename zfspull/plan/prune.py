"""Which snapshots of the target may be destroyed: what the rules give up, less what a guard protects.

A guard is an unconditional veto; `GUARDS` lists them all (promise P1). The rules themselves live in `retention`, and
that of a mirror in `mirror`. Nothing here destroys anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from zfspull.plan.mirror import Mirror
from zfspull.plan.retention import Keep, Retention, decide
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
        whole: whether the dataset itself goes, with all of its snapshots: it is missing on the source, see `missing`.
    """

    dataset: str
    destroy: tuple[Snapshot, ...]
    kept: Mapping[int, tuple[str, ...]]
    stay: tuple[Snapshot, ...] = ()
    whole: bool = False


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


def plan_prune(
    dataset: Dataset,
    keep: Retention | Keep | None,
    *,
    base: Base,
    zone: ZoneInfo,
    now: float,
    mirror: Mirror | None = None,
) -> DatasetPrune:
    """Decide which snapshots of a target dataset may go; `dataset` must come from a fresh listing.

    Args:
        dataset: the dataset on the target.
        keep: the job's rule sets, or rules for all snapshots; None to keep everything.
        base: what is known of the newest snapshot common with the source.
        zone: the job's time zone.
        now: seconds since the epoch.
        mirror: keeps what the source has; without `keep` it decides alone. None for no mirror, and for a dataset that
            the source does not have any more, of which a mirror says nothing.
    """
    reasons = dict(mirror.kept(dataset)) if mirror else {}
    rules = decide(dataset.snapshots, keep, zone=zone, now=now).reasons if keep or not mirror else {}
    scene = _scene(dataset, base)

    def why_it_stays(snapshot: Snapshot) -> tuple[str, ...]:
        mirrored = (reasons[snapshot.guid],) if snapshot.guid in reasons else ()
        return rules.get(snapshot.guid, ()) + mirrored + _guards(scene, snapshot)

    return settle(dataset, why_it_stays)


def plan_destroy(dataset: Dataset) -> DatasetPrune:
    """The end of a dataset with all of its snapshots: of one that `missing` has found no obstacle for."""
    return DatasetPrune(dataset.name, dataset.snapshots, MappingProxyType({}), whole=True)


def settle(dataset: Dataset, why_it_stays: Callable[[Snapshot], tuple[str, ...]]) -> DatasetPrune:
    """What becomes of each snapshot of a dataset on either side: one that nothing speaks for goes."""
    ordered = sorted(dataset.snapshots, key=lambda snapshot: snapshot.createtxg)
    kept = {snapshot.guid: reasons for snapshot in ordered if (reasons := why_it_stays(snapshot))}
    return DatasetPrune(
        dataset.name,
        tuple(snapshot for snapshot in ordered if snapshot.guid not in kept),
        MappingProxyType(kept),
        tuple(snapshot for snapshot in ordered if snapshot.guid in kept),
    )


def _scene(dataset: Dataset, base: Base) -> _Scene:
    wanted = base.guid if isinstance(base, KnownBase) else None
    base_txg = max((snapshot.createtxg for snapshot in dataset.snapshots if snapshot.guid == wanted), default=None)
    newest_txg = max((snapshot.createtxg for snapshot in dataset.snapshots), default=0)
    return _Scene(dataset, base, base_txg, newest_txg)


def _guards(scene: _Scene, snapshot: Snapshot) -> tuple[str, ...]:
    return tuple([f"guard: {name}" for name, protects in GUARDS if protects(scene, snapshot)])


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
    prunes: Sequence[DatasetPrune],
    *,
    count: int | None,
    share: float | None,
    total: int,
    where: str = "",
    already: int = 0,
) -> LimitExceeded | None:
    """Say whether a run's prunes together go beyond `max_destroy`: then none of them may be carried out.

    Args:
        prunes: of all datasets of the run.
        count: how many snapshots may go in one run, None for any number.
        share: which part of `total` may go in one run, 0.0 to 1.0, rounded up to whole snapshots; None for any.
        total: how many snapshots the job's datasets have there before the run.
        where: on which side, for the message; `""` for the target.
        already: how many snapshots retention has destroyed earlier in the run.

    Returns:
        None if all may be carried out. Where both limits are set, the tighter one holds.
    """
    going = already + sum(len(prune.destroy) for prune in prunes)
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
        f"pruning would destroy {going} of {total} snapshots{where and f' on the {where}'}; {rule}; "
        "nothing was destroyed",
        "look at what would go with `zfspull prune JOB --dry-run`; if that is right, `zfspull prune JOB --confirm=JOB`",
    )
