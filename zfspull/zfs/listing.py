"""What `zfs list -Hp` printed, turned into the model; anything else than what was asked for is an error.

A listing may come from a hostile machine: names are checked by ZFS's own rules, numbers are bounded, and a line that
doesn't fit fails the whole listing, for a plan on half a listing would be worse than none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter

from zfspull.zfs.commands import ARRIVED_COLUMNS, CHANGED_COLUMN, DATASET_COLUMNS, POINT_COLUMNS, SPACE_COLUMNS
from zfspull.zfs.model import Arrived, Bookmark, Brief, Dataset, Hold, Kind, Point, Snapshot, Space, Tree
from zfspull.zfs.names import dataset_name_error, place, relative, snapshot_name_error
from zfspull.zfs.rows import (
    ABSENT,
    SHOWN,
    ListingError,
    PointNames,
    fields_of,
    number_in,
    number_of,
    optional,
    optional_number,
    rows_of,
)


__all__ = [
    "ListingError",
    "named_twice",
    "parse_arrived",
    "parse_holds",
    "parse_points",
    "parse_reclaimed",
    "parse_space",
    "parse_tree",
]

_RECLAIM = "reclaim\t"
_MAX_CLONES = 100
"""So many clones of a snapshot are remembered: one is enough to keep it."""
_LATEST_CREATION = 253_370_764_800
"""A later one is taken for this, the year 9999: it is a lie, and the calendar ends there."""


def parse_tree(
    root: str, datasets: str, points: str, columns: Sequence[str], dataset_columns: Sequence[str] = DATASET_COLUMNS
) -> Tree:
    """The tree at `root` from the output of `list_datasets` with `dataset_columns` and of `list_points` with `columns`.

    Snapshots of a dataset that is not in the first listing (it was created between the two) are left out.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    marks: dict[str, list[Point]] = {}
    for name, point in parse_points(points, columns):
        marks.setdefault(name, []).append(point)
    if outside := next((name for name in marks if relative(root, name) is None), None):
        raise ListingError(f"a snapshot of {outside[:SHOWN]!r} was listed, which does not lie at or below {root!r}")
    found: dict[str, Dataset] = {}
    for row in rows_of(datasets, dataset_columns):
        name = row["name"]
        path = relative(root, name)
        if path is None:
            raise ListingError(f"{name[:SHOWN]!r} was listed, which does not lie at or below {root!r}")
        if path in found:
            raise ListingError(f"{name[:SHOWN]!r} was listed twice")
        if twice := named_twice(marks.get(name, ())):
            raise ListingError(f"{f'{name}{twice}'[:SHOWN]!r} was listed twice")
        found[path] = _dataset(row, marks.get(name, []))
    return Tree(root=root, datasets={path: found[path] for path in sorted(found, key=place)})


def parse_points(text: str, columns: Sequence[str]) -> Iterator[tuple[str, Point]]:
    """Each snapshot and bookmark with the name of its dataset.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    # There may be a million lines. Fields are taken by their place; behind the last stands what was not asked for.
    pick = itemgetter(*(columns.index(column) if column in columns else -1 for column in POINT_COLUMNS))
    names = PointNames()
    for fields in fields_of(text, columns):
        fields.append(ABSENT[0])
        full, kind, guid, createtxg, creation, ivsetguid, holds, clones = pick(fields)
        dataset, name = names.split(full, "#" if kind == "bookmark" else "@")
        guid = number_in(guid, full, "guid")
        createtxg = number_in(createtxg, full, "createtxg")
        creation = min(number_in(creation, full, "creation"), _LATEST_CREATION)
        # Bookmarks of plain datasets say 0.
        ivsetguid = None if ivsetguid in ABSENT else number_in(ivsetguid, full, "ivsetguid") or None
        if kind == "bookmark":
            point: Point = Bookmark(name=name, guid=guid, createtxg=createtxg, creation=creation, ivsetguid=ivsetguid)
        else:
            point = Snapshot(
                name=name,
                guid=guid,
                createtxg=createtxg,
                creation=creation,
                ivsetguid=ivsetguid,
                holds=0 if holds in ABSENT else number_in(holds, full, "userrefs"),
                clones=() if clones in ABSENT else tuple(clones.split(",", _MAX_CLONES)[:_MAX_CLONES]),
            )
        yield dataset, point


def parse_arrived(text: str, points: Iterable[tuple[str, str]]) -> list[Arrived]:
    """What `list_after_steps` printed of each of `points`: a line for what is there, and none for what is not.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    found = {row["name"]: row for row in rows_of(text, ARRIVED_COLUMNS)}
    return [_arrived(found.get(dataset), found.get(f"{dataset}@{snapshot}")) for dataset, snapshot in points]


def _arrived(dataset: dict[str, str] | None, snapshot: dict[str, str] | None) -> Arrived:
    arrived = Arrived()
    if dataset is not None:
        arrived = replace(arrived, exists=True, resume_token=optional(dataset, "receive_resume_token"))
    if snapshot is not None:
        ivsetguid = optional_number(snapshot, "ivsetguid")
        arrived = replace(arrived, guid=number_of(snapshot, "guid"), ivsetguid=ivsetguid)
    return arrived


def parse_space(text: str) -> Space:
    """What `list_space` printed.

    Raises:
        ListingError: on anything else.
    """
    rows = list(rows_of(text, SPACE_COLUMNS))
    if len(rows) != 1:
        raise ListingError(f"there are {len(rows)} lines about one pool: {text[:SHOWN]!r}")
    return Space(number_of(rows[0], "used"), number_of(rows[0], "available"))


def parse_reclaimed(text: str) -> int | None:
    """The bytes that `zfs destroy -nvp` says it would free; None if it does not say."""
    found = [line.removeprefix(_RECLAIM) for line in text.split("\n") if line.startswith(_RECLAIM)]
    return int(found[0]) if len(found) == 1 and found[0].isascii() and found[0].isdigit() else None


def parse_holds(text: str) -> tuple[Hold, ...]:
    """What `zfs holds -H` printed: name of the snapshot, tag, time; a tag may contain anything.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    found = []
    for line in filter(None, text.split("\n")):
        name, _, rest = line.partition("\t")
        tag, tab, _ = rest.rpartition("\t")
        dataset, at, snapshot = name.partition("@")
        if not tab or not at or dataset_name_error(dataset) or snapshot_name_error(snapshot):
            raise ListingError(f"the line {line[:SHOWN]!r} is no hold")
        found.append(Hold(name, tag))
    return tuple(found)


def _dataset(row: dict[str, str], points: Iterable[Point]) -> Dataset:
    if error := dataset_name_error(row["name"]):
        raise ListingError(f"{row['name'][:SHOWN]!r}: {error}")
    if row["type"] not in tuple(Kind):
        raise ListingError(f"{row['name']!r} is of the unknown type {row['type'][:SHOWN]!r}")
    ordered = sorted(points, key=attrgetter("createtxg"))
    encryption_root = optional(row, "encryptionroot")
    return Dataset(
        name=row["name"],
        kind=Kind(row["type"]),
        guid=number_of(row, "guid"),
        encryption_root=encryption_root,
        key_available=row["keystatus"] == "available" if encryption_root else None,
        resume_token=optional(row, "receive_resume_token"),
        written_bytes=optional_number(row, "written") or 0,
        mounted={"yes": True, "no": False}.get(row["mounted"]),
        readonly=row["readonly"] == "on",
        origin=optional(row, "origin"),
        used_bytes=optional_number(row, "used"),
        snapshots_bytes=optional_number(row, "usedbysnapshots"),
        available_bytes=optional_number(row, "available"),
        snapshots_changed=(optional_number(row, CHANGED_COLUMN) or 0) if CHANGED_COLUMN in row else None,
        snapshots=tuple(point for point in ordered if isinstance(point, Snapshot)),
        bookmarks=tuple(point for point in ordered if isinstance(point, Bookmark)),
    )


def named_twice(points: Sequence[Point | Brief]) -> str | None:
    """The name that two of `points` have, None if there is none."""
    names = {point.mark for point in points}
    if len(names) == len(points):
        return None
    counted = Counter(point.mark for point in points)
    return next(name for name, count in counted.items() if count > 1)
