"""The base: the newest snapshot of the target that the source has too, by guid and, where raw, by `ivsetguid`."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.zfs.model import Bookmark, Dataset, Point, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The two ends of what both sides have in common.

    Attributes:
        target: the snapshot there.
        source: the snapshot of the same guid, or the bookmark where only that is left.
    """

    target: Snapshot
    source: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The result of the search.

    Attributes:
        base: None when the sides have nothing in common that a stream can start from.
        broken: common by guid, and yet no base for a raw increment, since `ivsetguid` differs; newest first.
    """

    base: Base | None
    broken: tuple[Snapshot, ...] = ()


def find_base(source: Dataset, target: Dataset) -> Lineage:
    """The newest snapshot of `target` (in its own order) that `source` has by guid.

    A snapshot on the source is preferred to a bookmark of the same guid, for `-I` can start from it. For an encrypted
    source the `ivsetguid` of both sides must be known and equal: a guid alone survives a non-raw receive, after which
    a raw increment fails (zfs-receive(8)).
    """
    snapshots = {snapshot.guid: snapshot for snapshot in source.snapshots}
    # Of several bookmarks of one snapshot the oldest will do: they only differ in their names.
    bookmarks = {bookmark.guid: bookmark for bookmark in reversed(source.bookmarks)}
    broken: list[Snapshot] = []
    for snapshot in reversed(target.snapshots):
        same = (snapshots.get(snapshot.guid), bookmarks.get(snapshot.guid))
        candidates = [point for point in same if point is not None]
        usable = [point for point in candidates if not source.encrypted or _same_ivset(point, snapshot)]
        if usable:
            return Lineage(base=Base(target=snapshot, source=usable[0]), broken=tuple(broken))
        if candidates:
            broken.append(snapshot)
    return Lineage(base=None, broken=tuple(broken))


def _same_ivset(point: Point, snapshot: Snapshot) -> bool:
    return point.ivsetguid is not None and point.ivsetguid == snapshot.ivsetguid


def newer_than(dataset: Dataset, point: Snapshot | Bookmark) -> tuple[Snapshot, ...]:
    """The snapshots of `dataset` after `point` (a point of the same dataset), oldest first."""
    return tuple(snapshot for snapshot in dataset.snapshots if snapshot.createtxg > point.createtxg)
