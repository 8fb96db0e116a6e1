"""How a prune went, for whoever asked for it: the documented shape (docs/reference/cli.md), and the same in parts.

A report has as many rows as the job has snapshots. The daemon sends them in parts of bounded length, made as they are
sent; whoever receives them puts them together again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zfspull.daemon.protocol import Parted


if TYPE_CHECKING:
    from zfspull.errors import ZfspullError
    from zfspull.plan.missing import Fate
    from zfspull.plan.prune import DatasetPrune, LimitExceeded
    from zfspull.pull.prune import PruneReport
    from zfspull.zfs.model import Snapshot

Reply = dict[str, Any]

MAX_SNAPSHOTS = 500
"""So many that go, and as many that stay, are told of a dataset in one part."""
LISTS = ("skipped", "datasets", "missing_datasets", "source_skipped", "source_datasets")
"""The keys of the shape that come in parts."""


def prune_reply(report: PruneReport) -> Reply:
    """The whole of it."""
    return put_together(parted(report))


def put_together(told: Parted) -> Reply:
    """The shape that came in parts.

    Raises:
        ValueError: a part belongs to none of its lists.
    """
    lists: dict[str, list[Reply]] = {key: [] for key in LISTS}
    for part in told.parts:
        _add(lists, part)
    return {**lists, **told.rest}


def _add(lists: dict[str, list[Reply]], part: object) -> None:
    match part:
        case {"of": str(key), "row": {"dataset": str()} as row} if key in lists:
            _add_row(lists[key], dict(row))
        case _:
            raise ValueError(f"a part of no list: {part!r:.100}")


def _add_row(rows: list[Reply], row: Reply) -> None:
    last = rows[-1] if rows else {}
    if _is_piece(row) and _is_piece(last) and row["dataset"] == last["dataset"]:
        last["destroy"] += row["destroy"]
        last["keep"] += row["keep"]
    else:
        rows.append(row)


def _is_piece(row: Reply) -> bool:
    return isinstance(row.get("destroy"), list) and isinstance(row.get("keep"), list)


def parted(report: PruneReport) -> Parted:
    """The rows of its lists, each with the key that it belongs to, and the rest."""
    sizes = report.freed.values()
    rest = {
        "destroyed": report.destroyed,
        "exceeded": _exceeded(report.exceeded),
        "unreachable": _unreachable(report.unreachable),
        "freed_bytes": None if None in sizes or not report.freed else sum(size for size in sizes if size is not None),
        "source_destroyed": report.on_source.destroyed,
        "source_exceeded": _exceeded(report.on_source.exceeded),
    }
    return Parted(({"of": key, "row": row} for key, row in _rows(report)), rest)


def _rows(report: PruneReport) -> Iterator[tuple[str, Reply]]:
    for skipped in report.skipped:
        yield "skipped", _skipped(skipped)
    for dataset in report.datasets:
        freed = report.freed.get(dataset.dataset)
        for piece in _pieces(dataset):
            yield "datasets", {**dataset_reply(piece), "freed_bytes": freed}
    for fate in report.missing:
        yield "missing_datasets", fate_reply(fate)
    for skipped in report.on_source.skipped:
        yield "source_skipped", _skipped(skipped)
    for dataset in report.on_source.datasets:
        for piece in _pieces(dataset):
            yield "source_datasets", dataset_reply(piece)


def _pieces(dataset: DatasetPrune) -> Iterator[DatasetPrune]:
    """The same with some of its snapshots each, at least one piece."""
    for start in range(0, max(len(dataset.destroy), len(dataset.stay), 1), MAX_SNAPSHOTS):
        some = slice(start, start + MAX_SNAPSHOTS)
        yield replace(dataset, destroy=dataset.destroy[some], stay=dataset.stay[some])


def dataset_reply(dataset: DatasetPrune) -> Reply:
    """What goes and what stays of one dataset, and why."""
    return {
        "dataset": dataset.dataset,
        "whole": dataset.whole,
        "destroy": [_snapshot(snapshot) for snapshot in dataset.destroy],
        "keep": [{**_snapshot(snapshot), "reasons": list(dataset.kept[snapshot.guid])} for snapshot in dataset.stay],
    }


def fate_reply(fate: Fate) -> Reply:
    """What becomes of one target dataset that is gone on the source."""
    return {
        "dataset": fate.dataset.name,
        "missing_seconds": fate.seconds,
        "action": fate.action.value,
        "obstacles": list(fate.obstacles),
        "to": fate.to or None,
    }


def _skipped(skipped: tuple[str, str, str]) -> Reply:
    dataset, name, reason = skipped
    return {"dataset": dataset, "name": name, "reason": reason}


def _exceeded(exceeded: LimitExceeded | None) -> Reply | None:
    if exceeded is None:
        return None
    return {"message": exceeded.message, "hint": exceeded.hint, "count": exceeded.count, "limit": exceeded.limit}


def _unreachable(error: ZfspullError | None) -> dict[str, str] | None:
    return {"kind": error.kind, "message": error.message, "hint": error.hint} if error is not None else None


def _snapshot(snapshot: Snapshot) -> Reply:
    # A guid has 64 bits; as a JSON number most readers would round it.
    return {"name": snapshot.name, "guid": str(snapshot.guid), "created_at": snapshot.creation}
