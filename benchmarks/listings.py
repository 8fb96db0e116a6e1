"""Listings as `zfs list` prints them, made up: so many datasets with so many snapshots, on the source and here."""

from __future__ import annotations

from collections.abc import Sequence


_HOUR_SECONDS = 3600
_FIRST = 1_600_000_000


def dataset_lines(root: str, datasets: int, columns: Sequence[str], *, target: bool) -> str:
    """Lines with those columns; what a column has is as of plain filesystems, `-` where that is nothing."""
    known = {
        "type": "filesystem",
        "written": "0",
        "mounted": "no" if target else "yes",
        "readonly": "off",
        "used": "1000000",
        "usedbysnapshots": "1000",
        "available": "100000000",
    }
    lines = []
    for number in range(datasets):
        row = {**known, "name": _name(root, number), "guid": str((1 << 60) + number * 2 + target)}
        lines.append("\t".join(row.get(column, "-") for column in columns) + "\n")
    return "".join(lines)


def point_lines(root: str, datasets: int, snapshots: int, *, target: bool) -> str:
    """Lines with the columns of `POINT_COLUMNS`, of so many snapshots of each dataset: one an hour."""
    lines = []
    for number in range(datasets):
        name = _name(root, number)
        for count in range(snapshots):
            at = _FIRST + count * _HOUR_SECONDS
            guid = (2 << 60) + number * 1_000_003 + count
            txg = count * 7 + (3 if target else 1)
            lines.append(f"{name}@zfspull-{at}\tsnapshot\t{guid}\t{txg}\t{at}\t-\t0\t-\n")
    return "".join(lines)


def _name(root: str, number: int) -> str:
    return root if number == 0 else f"{root}/home{number:05}"


def now(snapshots: int) -> float:
    """Shortly after the last of so many."""
    return _FIRST + snapshots * _HOUR_SECONDS
