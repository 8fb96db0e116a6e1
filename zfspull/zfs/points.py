"""Snapshots and bookmarks of some datasets, as listed in brief or in full, by the name of their dataset.

The same care is taken as in `listing`: what was not asked for fails the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from zfspull.zfs.commands import BRIEF_COLUMNS, POINT_COLUMNS
from zfspull.zfs.listing import named_twice, parse_points
from zfspull.zfs.model import Brief, Point
from zfspull.zfs.names import relative
from zfspull.zfs.rows import SHOWN, ListingError, PointNames, number_of, rows_of


Listed = TypeVar("Listed", Brief, Point)


def parse_briefs(text: str, datasets: Collection[str], *, below: str | None) -> dict[str, tuple[Brief, ...]]:
    """What a listing of `BRIEF_COLUMNS` printed.

    Args:
        text: the output.
        datasets: those that were meant; others that lie below `below` are left out.
        below: the dataset that was listed with all below it; None if `datasets` were named one by one.

    Returns:
        By full name of each of `datasets` that has any: in the order of the listing.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    return _grouped(_briefs(text), datasets, below)


def parse_fully(text: str, datasets: Collection[str], *, below: str | None) -> dict[str, tuple[Point, ...]]:
    """The same of a listing of `POINT_COLUMNS`."""
    return _grouped(parse_points(text, POINT_COLUMNS), datasets, below)


def parse_named(text: str, points: Collection[str]) -> dict[str, Point]:
    """What a listing of `points`, each given by its full name, printed: those that are there, by that name.

    Raises:
        ListingError: on any line that doesn't fit.
    """
    found: dict[str, Point] = {}
    for dataset, point in parse_points(text, POINT_COLUMNS):
        name = f"{dataset}{point.mark}"
        if name not in points or name in found:
            raise ListingError(f"{name[:SHOWN]!r} was listed, and was not asked for, or twice")
        found[name] = point
    return found


def _briefs(text: str) -> Iterable[tuple[str, Brief]]:
    names = PointNames()
    for row in rows_of(text, BRIEF_COLUMNS):
        separator = "@" if "@" in row["name"] else "#"
        dataset, name = names.split(row["name"], separator)
        yield dataset, Brief(f"{separator}{name}", number_of(row, "guid"), number_of(row, "createtxg"))


def _grouped(
    lines: Iterable[tuple[str, Listed]],
    datasets: Collection[str],
    below: str | None,
) -> dict[str, tuple[Listed, ...]]:
    wanted = frozenset(datasets)
    found: dict[str, list[Listed]] = {}
    for name, point in lines:
        if name in wanted:
            found.setdefault(name, []).append(point)
        elif below is None or relative(below, name) is None:
            raise ListingError(f"a snapshot of {name[:SHOWN]!r} was listed, which was not asked for")
    for name, points in found.items():
        if twice := named_twice(points):
            raise ListingError(f"{f'{name}{twice}'[:SHOWN]!r} was listed twice")
    return {name: tuple(points) for name, points in found.items()}


def answered(found: Mapping[str, tuple[Listed, ...]], datasets: Iterable[str]) -> dict[str, tuple[Listed, ...]]:
    """`found` with those of `datasets` that have nothing, after a listing that went well."""
    return {name: found.get(name, ()) for name in datasets}
