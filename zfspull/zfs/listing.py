"""What `zfs list -Hp` printed, turned into the model; anything else than what was asked for is an error.

A listing may come from a hostile machine: names are checked by ZFS's own rules, numbers are bounded, and a line that
doesn't fit fails the whole listing, for a plan on half a listing would be worse than none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from zfspull.zfs.commands import ARRIVED_COLUMNS, DATASET_COLUMNS, SPACE_COLUMNS
from zfspull.zfs.model import Arrived, Bookmark, Dataset, Hold, Kind, Point, Snapshot, Space, Tree
from zfspull.zfs.names import MAX_NAME_BYTES, dataset_name_error, relative, snapshot_name_error


_MAX_UINT64 = 2**64 - 1
_ABSENT = "-"
_SHOWN = 120
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
        raise ListingError(f"a snapshot of {outside[:_SHOWN]!r} was listed, which does not lie at or below {root!r}")
    found: dict[str, Dataset] = {}
    for row in _rows(datasets, dataset_columns):
        name = row["name"]
        path = relative(root, name)
        if path is None:
            raise ListingError(f"{name[:_SHOWN]!r} was listed, which does not lie at or below {root!r}")
        if path in found:
            raise ListingError(f"{name[:_SHOWN]!r} was listed twice")
        if twice := _twice(marks.get(name, ())):
            raise ListingError(f"{f'{name}{twice}'[:_SHOWN]!r} was listed twice")
        found[path] = _dataset(row, marks.get(name, []))
    return Tree(root=root, datasets={path: found[path] for path in sorted(found, key=lambda path: path.split("/"))})


def parse_points(text: str, columns: Sequence[str]) -> Iterator[tuple[str, Point]]:
    """Each snapshot and bookmark with the name of its dataset.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    checked = ""  # there are many lines of one dataset, mostly in a row
    for row in _rows(text, columns):
        separator = "#" if row["type"] == "bookmark" else "@"
        dataset, _, name = row["name"].partition(separator)
        if len(row["name"]) > MAX_NAME_BYTES:
            raise ListingError(f"{row['name'][:_SHOWN]!r} is longer than any name of ZFS")
        if error := (dataset != checked and dataset_name_error(dataset)) or snapshot_name_error(name):
            raise ListingError(f"{row['name'][:_SHOWN]!r}: {error}")
        checked = dataset
        guid, createtxg, creation = (_number(row, column) for column in ("guid", "createtxg", "creation"))
        creation = min(creation, _LATEST_CREATION)
        ivsetguid = _optional_number(row, "ivsetguid") or None  # bookmarks of plain datasets say 0
        if separator == "#":
            yield (
                dataset,
                Bookmark(name=name, guid=guid, createtxg=createtxg, creation=creation, ivsetguid=ivsetguid),
            )
        else:
            clones = row.get("clones", "")
            yield (
                dataset,
                Snapshot(
                    name=name,
                    guid=guid,
                    createtxg=createtxg,
                    creation=creation,
                    ivsetguid=ivsetguid,
                    holds=_optional_number(row, "userrefs") or 0,
                    clones=tuple(clones.split(",", _MAX_CLONES)[:_MAX_CLONES]) if clones not in ("", _ABSENT) else (),
                ),
            )


def parse_arrived(text: str) -> Arrived:
    """What `list_after_step` printed: a line for the dataset and one for the snapshot, each if it is there.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    arrived = Arrived()
    for row in _rows(text, ARRIVED_COLUMNS):
        if "@" in row["name"]:
            arrived = replace(arrived, guid=_number(row, "guid"), ivsetguid=_optional_number(row, "ivsetguid"))
        else:
            arrived = replace(arrived, exists=True, resume_token=_optional(row, "receive_resume_token"))
    return arrived


def parse_space(text: str) -> Space:
    """What `list_space` printed.

    Raises:
        ListingError: on anything else.
    """
    rows = list(_rows(text, SPACE_COLUMNS))
    if len(rows) != 1:
        raise ListingError(f"there are {len(rows)} lines about one pool: {text[:_SHOWN]!r}")
    return Space(_number(rows[0], "used"), _number(rows[0], "available"))


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
            raise ListingError(f"the line {line[:_SHOWN]!r} is no hold")
        found.append(Hold(name, tag))
    return tuple(found)


def _dataset(row: dict[str, str], points: Iterable[Point]) -> Dataset:
    if error := dataset_name_error(row["name"]):
        raise ListingError(f"{row['name'][:_SHOWN]!r}: {error}")
    if row["type"] not in tuple(Kind):
        raise ListingError(f"{row['name']!r} is of the unknown type {row['type'][:_SHOWN]!r}")
    ordered = sorted(points, key=lambda point: point.createtxg)
    encryption_root = None if row["encryptionroot"] in (_ABSENT, "") else row["encryptionroot"]
    return Dataset(
        name=row["name"],
        kind=Kind(row["type"]),
        guid=_number(row, "guid"),
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
        snapshots=tuple(point for point in ordered if isinstance(point, Snapshot)),
        bookmarks=tuple(point for point in ordered if isinstance(point, Bookmark)),
    )


def _rows(text: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    for number, line in enumerate(_lines(text), 1):
        if number > MAX_LINES:
            raise ListingError(f"the listing has more than {MAX_LINES} lines")
        fields = line.split("\t", len(columns))
        if len(fields) != len(columns):
            found = line.count("\t") + 1
            raise ListingError(
                f"line {number} of the listing has {found} columns instead of {len(columns)}: {line[:_SHOWN]!r}"
            )
        if not line.replace("\t", "").isprintable():
            raise ListingError(f"line {number} of the listing has what can't be printed: {line[:_SHOWN]!r}")
        yield dict(zip(columns, fields, strict=True))


def _lines(text: str) -> Iterator[str]:
    """One line after the other: a list of them all would be many times the size of a text of nothing but line ends."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    if start < len(text):
        yield text[start:]


def _twice(points: Sequence[Point]) -> str | None:
    """The name that two of `points` have, None if there is none."""
    names = {point.mark for point in points}
    if len(names) == len(points):
        return None
    counted = Counter(point.mark for point in points)
    return next(name for name, count in counted.items() if count > 1)


def _optional(row: dict[str, str], column: str) -> str | None:
    return None if row[column] in (_ABSENT, "") else row[column]


def _optional_number(row: dict[str, str], column: str) -> int | None:
    return None if row.get(column, _ABSENT) in (_ABSENT, "") else _number(row, column)


def _number(row: dict[str, str], column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_UINT64)) or int(text) > _MAX_UINT64:
        raise ListingError(f"{row['name'][:_SHOWN]!r} has the {column} {text[:_SHOWN]!r}, which is no number of ZFS")
    return int(text)
