"""The refusals: for each case in which the two sides disagree, the evidence of both and the ways out.

Each function looks at one case and returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zfspull.plan.base import Base, Lineage, newer_than
from zfspull.plan.steps import Reason, Refusal
from zfspull.zfs.model import Dataset, Point, Snapshot


_SHOWN = 4


def kind_differs(source: Dataset, target: Dataset) -> Refusal | None:
    """A filesystem can't become a volume, nor the other way round."""
    if source.kind == target.kind:
        return None
    return Refusal(
        reason=Reason.KIND_DIFFERS,
        evidence=f"source {source.name} is a {source.kind}, target {target.name} is a {target.kind}",
        hint=f"rename the target aside (zfs rename {target.name} {target.name}-old) and pull again",
    )


def encryption_differs(source: Dataset, target: Dataset, *, shares_raw_key: bool = False) -> Refusal | None:
    """Raw and plain never mix on one replica; `shares_raw_key`: the target has its key from a raw one above it."""
    if source.encrypted == target.encrypted or not target.snapshots:
        return None
    if source.encrypted:
        return Refusal(
            reason=Reason.SOURCE_ENCRYPTED,
            evidence=f"source {source.name} is encrypted, its replica {target.name} is plain",
            hint=f"rename the plain replica aside (zfs rename {target.name} {target.name}-plain) and pull anew",
        )
    aside = f"rename the replica aside (zfs rename {target.name} {target.name}-old) and pull anew"
    # A raw receive makes an encryption root; what was received plain and encrypted here inherits from its parent.
    if shares_raw_key or target.encryption_root == target.name:
        return Refusal(
            reason=Reason.SOURCE_PLAIN,
            evidence=f"source {source.name} is plain, its replica {target.name} was received raw: "
            f"its encryption root is {target.encryption_root}",
            hint=f"if that is right, {aside}",
        )
    if target.key_available:
        return None
    return Refusal(
        reason=Reason.SOURCE_PLAIN,
        evidence=f"source {source.name} is plain, its replica {target.name} is encrypted and its key is not loaded",
        hint=f"if it is to be encrypted here, zfs load-key {target.encryption_root}; else {aside}",
    )


def foreign_target(source: Dataset, target: Dataset) -> Refusal | None:
    """A dataset without snapshots stands where the replica would go: it is not ours to overwrite."""
    if target.snapshots:
        return None
    return Refusal(
        reason=Reason.TARGET_FOREIGN,
        evidence=f"target {target.name} exists without any snapshot, so it is no replica of {source.name}",
        hint=f"rename it aside (zfs rename {target.name} {target.name}-old), or choose another target",
    )


def no_base(source: Dataset, target: Dataset, lineage: Lineage) -> Refusal | None:
    """Nothing in common that a stream could start from."""
    if lineage.base is not None:
        return None
    both = f"source {source.name} has {_names(source.points)}, target {target.name} has {_names(target.snapshots)}"
    aside = f"rename the replica aside (zfs rename {target.name} {target.name}-old) and pull anew; nothing is destroyed"
    if lineage.broken:
        return Refusal(
            reason=Reason.LINEAGE_BROKEN,
            evidence=f"{_names(lineage.broken)} have equal guids but another ivsetguid on the two sides: {both}",
            hint=f"the replica was once written by a non-raw receive; {aside}",
        )
    return Refusal(reason=Reason.NO_COMMON_BASE, evidence=f"no snapshot or bookmark in common: {both}", hint=aside)


def target_newer(source: Dataset, target: Dataset, base: Base) -> Refusal | None:
    """Snapshots on the target after the base: made there, or rolled back on the source."""
    newer = newer_than(target, base.target)
    if not newer:
        return None
    return Refusal(
        reason=Reason.TARGET_NEWER,
        evidence=f"target {target.name} has {_names(newer)} after the base {base.target.mark}, "
        f"which source {source.name} does not have",
        hint="if they were made on the target by mistake, destroy them; if the source was rolled back, decide which "
        "side is right before anything is destroyed",
    )


def name_taken(source: Dataset, target: Dataset, brought: Sequence[Snapshot]) -> Refusal | None:
    """A name that the source has given to another snapshot since: "destination already exists", time and again."""
    names = {old.name: old for old in target.snapshots}
    taken = [(new, names[new.name]) for new in brought if new.name in names and names[new.name].guid != new.guid]
    if not taken:
        return None
    new, old = taken[0]
    more = f", and so are {_names(other for other, _ in taken[1:])}" if taken[1:] else ""
    return Refusal(
        reason=Reason.NAME_TAKEN,
        evidence=f"{new.mark} of source {source.name} (guid {new.guid}) is another snapshot than {old.mark} of target "
        f"{target.name} (guid {old.guid}){more}",
        hint=f"rename the one here (zfs rename {target.name}{old.mark} {target.name}{old.mark}-{old.guid:016x}): "
        "snapshots are told by guid, so nothing is lost; or leave such names out with `snapshots: match`",
    )


def target_modified(source: Dataset, target: Dataset, base: Base) -> Refusal | None:
    """The head of the target was written to since the base; only a rollback could make it receive again."""
    if not target.written_bytes:
        return None
    return Refusal(
        reason=Reason.TARGET_MODIFIED,
        evidence=f"target {target.name} has {target.written_bytes} bytes written since {base.target.mark}, "
        f"the base of the next increment from {source.name}",
        hint=f"look at what was written (zfs diff {target.name}{base.target.mark}); "
        f"then zfs rollback {target.name}{base.target.mark}",
    )


def _names(points: Iterable[Point]) -> str:
    marks = [point.mark for point in points]
    if not marks:
        return "no snapshots"
    shown = ", ".join(marks[-_SHOWN:])
    return shown if len(marks) <= _SHOWN else f"{len(marks)} from {marks[0]} to {shown}"
