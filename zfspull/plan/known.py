"""What an earlier listing showed of each dataset, and whether it may be used again without listing its snapshots.

It is evidence and no truth: docs/reference/listings.md has the argument. In short, `snapshots_changed` moves with every
snapshot that is made, destroyed or renamed, but only in whole seconds. So what was listed is used again only if the
listing began so long after the value was first seen that a later change must have got another value.

Nothing here lists anything or reads a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from zfspull.zfs.model import Bookmark, Brief, Dataset, Point, Snapshot, Tree


SETTLED_AFTER_SECONDS = 2.0
"""One second is what `snapshots_changed` can't tell apart; the other is for clocks that don't run alike."""
FULL_AFTER_SECONDS = 86_400.0
"""So old may be what is used again; then all is listed in full, whatever `snapshots_changed` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one dataset.

    Attributes:
        guid, origin, changed: what its line in a listing said: together they are its state.
        seen_at: when a listing first showed this state, by the monotonic clock of whoever keeps it.
        listed: whether its snapshots and bookmarks were ever listed; what has their guids will always be the same.
        settled: whether they were listed when any change after it would show in `changed`.
        snapshots: oldest first.
        bookmarks: oldest first.
    """

    guid: int
    origin: str | None = None
    changed: int | None = None
    seen_at: float = 0.0
    listed: bool = False
    settled: bool = False
    snapshots: tuple[Snapshot, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()

    def shows(self, dataset: Dataset) -> bool:
        """Whether `dataset` is in the same state."""
        return (self.guid, self.origin, self.changed) == (dataset.guid, dataset.origin, dataset.snapshots_changed)

    @property
    def is_current(self) -> bool:
        """Whether it may be used as it is, as long as the state is the same.

        A host that can't tell says None. 0 is said of what had no snapshot made or destroyed since its pool keeps the
        time, and by old pools that forget it: so it is good for what has no snapshots only.
        """
        return self.settled and self.changed is not None and (self.changed > 0 or not self.snapshots)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of one side of a job.

    Attributes:
        root, recursive: of what.
        full_at: when all of it was last listed in full, seconds since the epoch.
        datasets: by full name.
    """

    root: str = ""
    recursive: bool = True
    full_at: float = 0.0
    datasets: Mapping[str, Known] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """How many snapshots and bookmarks are in it."""
        return sum(len(one.snapshots) + len(one.bookmarks) for one in self.datasets.values())

    def usable(self, root: str, *, recursive: bool, now: float) -> bool:
        """Whether it is of that tree, and young enough; `now` in seconds since the epoch."""
        return (self.root, self.recursive) == (root, recursive) and 0 <= now - self.full_at < FULL_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is to be done about each dataset of a listing, by full name.

    Attributes:
        current: nothing, they are known.
        changed: to be listed in brief, for most of what they have is known.
        unknown: to be listed in full.
    """

    current: Mapping[str, Known]
    changed: Mapping[str, Known]
    unknown: Mapping[str, Known]


def sift(datasets: Iterable[Dataset], known: Mapping[str, Known], now: float) -> Sifted:
    """Compare a listing of datasets with what is known.

    Args:
        datasets: as just listed, without snapshots.
        known: by full name.
        now: when that listing had ended, by the monotonic clock.
    """
    current: dict[str, Known] = {}
    changed: dict[str, Known] = {}
    unknown: dict[str, Known] = {}
    for dataset in datasets:
        before = known.get(dataset.name)
        state = seen(dataset, now, before)
        where = current if state is before and state.is_current else changed if state.listed else unknown
        where[dataset.name] = state
    return Sifted(current, changed, unknown)


def seen(dataset: Dataset, now: float, before: Known | None = None) -> Known:
    """`before` if `dataset` is still in that state; else its new state, first seen now, with what was listed before.

    Args:
        dataset: as just listed, without snapshots.
        now: when that listing had ended, by the monotonic clock.
        before: what is known of the dataset of that name.
    """
    if before is not None and before.shows(dataset):
        return before
    state = Known(guid=dataset.guid, origin=dataset.origin, changed=dataset.snapshots_changed, seen_at=now)
    if before is None or before.guid != dataset.guid:
        return state
    return replace(state, listed=before.listed, snapshots=before.snapshots, bookmarks=before.bookmarks)


def listed(known: Known, points: Iterable[Point], began_at: float) -> Known:
    """`known` after its points were listed; `began_at` is when that listing began, by the monotonic clock."""
    ordered = sorted(points, key=lambda point: point.createtxg)
    return replace(
        known,
        listed=True,
        settled=began_at - known.seen_at >= SETTLED_AFTER_SECONDS,
        snapshots=tuple(point for point in ordered if isinstance(point, Snapshot)),
        bookmarks=tuple(point for point in ordered if isinstance(point, Bookmark)),
    )


def unsettled(known: Known, doubted: Collection[int] = ()) -> Known:
    """`known`, to be listed again, and what has one of the guids `doubted` in full."""
    return replace(
        known,
        settled=False,
        snapshots=tuple(one for one in known.snapshots if one.guid not in doubted),
        bookmarks=tuple(one for one in known.bookmarks if one.guid not in doubted),
    )


def unlisted(known: Known) -> Known:
    """`known` without what was listed."""
    return replace(known, listed=False, settled=False, snapshots=(), bookmarks=())


@dataclass(frozen=True, slots=True)
class Recalled:
    """A dataset that was listed in brief: what of it is known in full, and the marks of what is not."""

    points: tuple[Point, ...]
    missing: tuple[str, ...]


def recall(known: Known, briefs: Iterable[Brief]) -> Recalled:
    """Complete a brief listing by what is known of the same guids.

    A bookmark has creation and `ivsetguid` of its snapshot. Holds and clones are as they were when they were listed.

    Args:
        known: from an earlier listing of the same dataset.
        briefs: as just listed.
    """
    snapshots = {one.guid: one for one in known.snapshots}
    bookmarks: dict[int, Point] = {one.guid: one for one in known.bookmarks}
    points: list[Point] = []
    missing: list[str] = []
    for mark, guid, createtxg in briefs:
        name = mark[1:]
        if mark[0] == "#":
            twin = bookmarks.get(guid) or snapshots.get(guid)
            if twin is None:
                missing.append(mark)
            else:
                points.append(
                    Bookmark(
                        name=name, guid=guid, createtxg=createtxg, creation=twin.creation, ivsetguid=twin.ivsetguid
                    )
                )
        elif (same := snapshots.get(guid)) is not None:
            is_same = same.name == name and same.createtxg == createtxg
            points.append(same if is_same else replace(same, name=name, createtxg=createtxg))
        else:
            missing.append(mark)
    return Recalled(tuple(points), tuple(missing))


def with_points(tree: Tree, known: Mapping[str, Known]) -> Tree:
    """`tree` with the snapshots and bookmarks that are known."""
    return Tree(
        root=tree.root,
        datasets={
            path: replace(dataset, snapshots=one.snapshots, bookmarks=one.bookmarks)
            if (one := known.get(dataset.name)) is not None
            else dataset
            for path, dataset in tree.datasets.items()
        },
    )


def unguarded(tree: Tree) -> Tree:
    """`tree` as if nothing were held or cloned: neither moves `snapshots_changed`, so they are not known for sure.

    What could be destroyed then is listed in full before anything is.
    """
    if not any(one.holds or one.clones for dataset in tree.datasets.values() for one in dataset.snapshots):
        return tree
    return Tree(
        root=tree.root,
        datasets={
            path: replace(
                dataset,
                snapshots=tuple(
                    replace(one, holds=0, clones=()) if one.holds or one.clones else one for one in dataset.snapshots
                ),
            )
            for path, dataset in tree.datasets.items()
        },
    )
