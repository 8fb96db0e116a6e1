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
from zfspull.zfs.names import MAX_NAME_BYTES, dataset_name_error, relative, snapshot_name_error


_MAX_UINT64 = 2**64 - 1
_MOST_DIGITS = len(str(_MAX_UINT64))
_ABSENT = "-"
_NOTHING = (_ABSENT, "")
SHOWN = 120
"""So many characters of what was printed are repeated in an error."""
_RECLAIM = "reclaim\t"
MAX_LINES = 1_000_000
"""A listing with more is refused: short lines become values ten times their size, and take a while to read."""
_MAX_CLONES = 100
"""So many clones of a snapshot are remembered: one is enough to keep it."""
_LATEST_CREATION = 253_370_764_800
"""A later one is taken for this, the year 9999: it is a lie, and the calendar ends there."""


class ListingError(ValueError):
    """A line that no zfs(8) prints; says which line and what is wrong with it."""


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
    return Tree(root=root, datasets={path: found[path] for path in sorted(found, key=lambda path: path.split("/"))})


def parse_points(text: str, columns: Sequence[str]) -> Iterator[tuple[str, Point]]:
    """Each snapshot and bookmark with the name of its dataset.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    # There may be a million lines. Fields are taken by their place; behind the last stands what was not asked for.
    pick = itemgetter(*(columns.index(column) if column in columns else -1 for column in POINT_COLUMNS))
    checked = ""  # there are many lines of one dataset, mostly in a row,
    names: dict[str, str] = {}  # and mostly many snapshots of one name
    for fields in _fields_of(text, columns):
        fields.append(_ABSENT)
        full, kind, guid, createtxg, creation, ivsetguid, holds, clones = pick(fields)
        dataset, _, name = full.partition("#" if kind == "bookmark" else "@")
        if len(full) > MAX_NAME_BYTES:
            raise ListingError(f"{full[:SHOWN]!r} is longer than any name of ZFS")
        if error := (dataset != checked and dataset_name_error(dataset)) or (
            name not in names and snapshot_name_error(name)
        ):
            raise ListingError(f"{full[:SHOWN]!r}: {error}")
        checked, name = dataset, names.setdefault(name, name)
        guid = _number(guid, full, "guid")
        createtxg = _number(createtxg, full, "createtxg")
        creation = min(_number(creation, full, "creation"), _LATEST_CREATION)
        # Bookmarks of plain datasets say 0.
        ivsetguid = None if ivsetguid in _NOTHING else _number(ivsetguid, full, "ivsetguid") or None
        if kind == "bookmark":
            point: Point = Bookmark(name=name, guid=guid, createtxg=createtxg, creation=creation, ivsetguid=ivsetguid)
        else:
            point = Snapshot(
                name=name,
                guid=guid,
                createtxg=createtxg,
                creation=creation,
                ivsetguid=ivsetguid,
                holds=0 if holds in _NOTHING else _number(holds, full, "userrefs"),
                clones=() if clones in _NOTHING else tuple(clones.split(",", _MAX_CLONES)[:_MAX_CLONES]),
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
        arrived = replace(arrived, exists=True, resume_token=_optional(dataset, "receive_resume_token"))
    if snapshot is not None:
        ivsetguid = _optional_number(snapshot, "ivsetguid")
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
    encryption_root = None if row["encryptionroot"] in (_ABSENT, "") else row["encryptionroot"]
    return Dataset(
        name=row["name"],
        kind=Kind(row["type"]),
        guid=number_of(row, "guid"),
        encryption_root=encryption_root,
        key_available=row["keystatus"] == "available" if encryption_root else None,
        resume_token=_optional(row, "receive_resume_token"),
        written_bytes=_optional_number(row, "written") or 0,
        mounted={"yes": True, "no": False}.get(row["mounted"]),
        readonly=row["readonly"] == "on",
        origin=_optional(row, "origin"),
        used_bytes=_optional_number(row, "used"),
        snapshots_bytes=_optional_number(row, "usedbysnapshots"),
        available_bytes=_optional_number(row, "available"),
        snapshots_changed=(_optional_number(row, CHANGED_COLUMN) or 0) if CHANGED_COLUMN in row else None,
        snapshots=tuple(point for point in ordered if isinstance(point, Snapshot)),
        bookmarks=tuple(point for point in ordered if isinstance(point, Bookmark)),
    )


def rows_of(text: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each line as its fields by column.

    Raises:
        ListingError: on a line with more or fewer, or with anything that can't be printed.
    """
    return (dict(zip(columns, fields, strict=True)) for fields in _fields_of(text, columns))


def _fields_of(text: str, columns: Sequence[str]) -> Iterator[list[str]]:
    expected = len(columns)
    for number, line in enumerate(_lines(text), 1):
        if number > MAX_LINES:
            raise ListingError(f"the listing has more than {MAX_LINES} lines")
        fields = line.split("\t", expected)
        if len(fields) != expected:
            found = line.count("\t") + 1
            raise ListingError(
                f"line {number} of the listing has {found} columns instead of {expected}: {line[:SHOWN]!r}"
            )
        if not line.replace("\t", "").isprintable():
            raise ListingError(f"line {number} of the listing has what can't be printed: {line[:SHOWN]!r}")
        yield fields


def _lines(text: str) -> Iterator[str]:
    """One line after the other: a list of them all would be many times the size of a text of nothing but line ends."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]


def named_twice(points: Sequence[Point | Brief]) -> str | None:
    """The name that two of `points` have, None if there is none."""
    names = {point.mark for point in points}
    if len(names) == len(points):
        return None
    counted = Counter(point.mark for point in points)
    return next(name for name, count in counted.items() if count > 1)


def _optional(row: dict[str, str], column: str) -> str | None:
    return None if row[column] in (_ABSENT, "") else row[column]


def _optional_number(row: dict[str, str], column: str) -> int | None:
    return None if row.get(column, _ABSENT) in (_ABSENT, "") else number_of(row, column)


def number_of(row: dict[str, str], column: str) -> int:
    """A field that must be a number.

    Raises:
        ListingError: it is none that ZFS has.
    """
    return _number(row[column], row["name"], column)


def _number(text: str, name: str, column: str) -> int:
    number = int(text) if len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() else _MAX_UINT64 + 1
    if number > _MAX_UINT64:
        raise ListingError(f"{name[:SHOWN]!r} has the {column} {text[:SHOWN]!r}, which is no number of ZFS")
    return number
