"""The cursors on the sources, as a table and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zfspull.cli.text import UNKNOWN, moment, safe
from zfspull.errors import ZfspullError
from zfspull.plan.leftovers import Leftover, Use, Whose


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType

_WHOSE = {Whose.OURS: "ours", Whose.ANOTHER: "another replica's", Whose.UNKNOWN: "unknown"}
_USE = {
    Use.NEEDED: ("needed", "green"),
    Use.IN_USE: ("in use", "green"),
    Use.OLDER: ("older", ""),
    Use.STALE: ("stale", "yellow"),
    Use.UNKNOWN: (UNKNOWN, ""),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A cursor, with the job on whose source it was found and that source's host."""

    job: str
    host: str
    leftover: Leftover


def each_once(found: Iterable[Found]) -> list[Found]:
    """Each cursor once, though jobs may share a source: as the job sees it that knows its use."""
    chosen: dict[tuple[str, str], Found] = {}
    for cursor in found:
        key = (cursor.host, cursor.leftover.name)
        if key not in chosen or chosen[key].leftover.use is Use.UNKNOWN:
            chosen[key] = cursor
    return list(chosen.values())


def cursors_shape(found: Iterable[Found], released: Sequence[Found], errors: Iterable[ZfspullError]) -> dict[str, Any]:
    """The documented JSON."""
    return {
        "cursors": [_shape(cursor) for cursor in found],
        "released": [cursor.leftover.name for cursor in released],
        "errors": [{"kind": error.kind, "message": str(error), "hint": error.hint} for error in errors],
    }


def _shape(cursor: Found) -> dict[str, Any]:
    left = cursor.leftover
    return {
        "name": left.name,
        "host": cursor.host,
        "dataset": left.dataset,
        "kind": left.kind,
        "job": left.owner.job if left.owner else None,
        "whose": left.whose.value,
        "guid": str(left.point.guid),
        "created_at": left.point.creation,
        "state": left.use.value,
    }


def cursors_table(found: Iterable[Found], zone: tzinfo) -> RenderableType:
    """One row per cursor."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("CURSOR", "HOST", "KIND", "JOB", "WHOSE", "CREATED", "STATE"):
        table.add_column(title, overflow="fold")
    for cursor in found:
        left = cursor.leftover
        use, style = _USE[left.use]
        table.add_row(
            Text(safe(left.name)),
            Text(safe(cursor.host)),
            left.kind,
            Text(safe(left.owner.job) if left.owner else UNKNOWN),
            _WHOSE[left.whose],
            moment(left.point.creation, zone),
            Text(use, style=style),
        )
    return table
