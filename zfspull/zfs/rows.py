"""The lines of a listing as fields, and fields as what they must be: the care that is taken of every listing.

What the fields mean is in `listing` and `points`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zfspull.zfs.names import MAX_NAME_BYTES, dataset_name_error, snapshot_name_error


_MAX_UINT64 = 2**64 - 1
_MOST_DIGITS = len(str(_MAX_UINT64))
ABSENT = ("-", "")
"""What is printed where there is no value."""
SHOWN = 120
"""So many characters of what was printed are repeated in an error."""
MAX_LINES = 1_000_000
"""A listing with more is refused: short lines become values ten times their size, and take a while to read."""


class ListingError(ValueError):
    """A line that no zfs(8) prints; says which line and what is wrong with it."""


def rows_of(text: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each line as its fields by column.

    Raises:
        ListingError: on a line with more or fewer, or with anything that can't be printed.
    """
    return (dict(zip(columns, fields, strict=True)) for fields in fields_of(text, columns))


def fields_of(text: str, columns: Sequence[str]) -> Iterator[list[str]]:
    """The same as lists, in the order of `columns`: for what may have a million lines."""
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


def optional(row: dict[str, str], column: str) -> str | None:
    """A field that may have no value, or stand for a column that was not asked for."""
    value = row.get(column, "")
    return None if value in ABSENT else value


def optional_number(row: dict[str, str], column: str) -> int | None:
    """The same of a number."""
    return None if optional(row, column) is None else number_of(row, column)


def number_of(row: dict[str, str], column: str) -> int:
    """A field that must be a number.

    Raises:
        ListingError: it is none that ZFS has.
    """
    return number_in(row[column], row["name"], column)


def number_in(text: str, name: str, column: str) -> int:
    """The number that `text` must be, which was printed as `column` of `name`."""
    number = int(text) if len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() else _MAX_UINT64 + 1
    if number > _MAX_UINT64:
        raise ListingError(f"{name[:SHOWN]!r} has the {column} {text[:SHOWN]!r}, which is no number of ZFS")
    return number


class PointNames:
    """Takes the full names of one listing apart and checks each dataset and each snapshot's name once.

    There are many lines of one dataset, mostly in a row, and mostly many snapshots of one name.
    """

    def __init__(self) -> None:
        self._dataset = ""
        self._names: dict[str, str] = {}

    def split(self, full: str, separator: str) -> tuple[str, str]:
        """The dataset, and the name behind `separator`: one object for all that are equal.

        Raises:
            ListingError: ZFS has no such name.
        """
        if len(full) > MAX_NAME_BYTES:
            raise ListingError(f"{full[:SHOWN]!r} is longer than any name of ZFS")
        dataset, _, name = full.partition(separator)
        if error := (dataset != self._dataset and dataset_name_error(dataset)) or (
            name not in self._names and snapshot_name_error(name)
        ):
            raise ListingError(f"{full[:SHOWN]!r}: {error}")
        self._dataset = dataset
        return dataset, self._names.setdefault(name, name)
