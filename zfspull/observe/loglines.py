"""Which log line an event makes: its name, its level, and the fields worth a line.

Levels go by meaning: at WARNING a person may look, at ERROR one must.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from zfspull.events import (
    ClockCompared,
    ConfigLoaded,
    CursorMoved,
    DatasetDestroyed,
    DatasetFailed,
    DatasetObserved,
    DatasetRefused,
    Event,
    HostFailed,
    Noticed,
    Outcome,
    Planned,
    PoolObserved,
    PruneRefused,
    PruneSkipped,
    QueueChanged,
    Resolved,
    ResumeDiscarded,
    RetryScheduled,
    RunFinished,
    RunStarted,
    SnapshotsDestroyed,
    SnapshotsTaken,
    TransferFailed,
    TransferFinished,
    TransferProgress,
    TransferStarted,
)
from zfspull.log import log


LINES: Mapping[type[Event], tuple[str, int]] = {
    RunStarted: ("run.started", logging.INFO),
    RunFinished: ("run.finished", logging.INFO),
    Planned: ("run.planned", logging.INFO),
    DatasetRefused: ("dataset.refused", logging.ERROR),
    DatasetFailed: ("dataset.failed", logging.ERROR),
    DatasetObserved: ("dataset.observed", logging.DEBUG),
    TransferStarted: ("transfer.started", logging.INFO),
    TransferProgress: ("transfer.progress", logging.DEBUG),
    TransferFinished: ("transfer.finished", logging.INFO),
    TransferFailed: ("transfer.failed", logging.WARNING),
    RetryScheduled: ("retry.scheduled", logging.INFO),
    Resolved: ("dataset.resolved", logging.WARNING),
    CursorMoved: ("cursor.moved", logging.DEBUG),
    ResumeDiscarded: ("resume.discarded", logging.WARNING),
    SnapshotsTaken: ("snapshots.taken", logging.INFO),
    ClockCompared: ("clock.compared", logging.DEBUG),
    SnapshotsDestroyed: ("snapshots.destroyed", logging.INFO),
    DatasetDestroyed: ("dataset.destroyed", logging.WARNING),
    PruneSkipped: ("prune.skipped", logging.INFO),
    PruneRefused: ("prune.refused", logging.ERROR),
    HostFailed: ("host.failed", logging.WARNING),
    Noticed: ("run.noticed", logging.WARNING),
    PoolObserved: ("pool.observed", logging.DEBUG),
    ConfigLoaded: ("config.loaded", logging.INFO),
    QueueChanged: ("queue.changed", logging.DEBUG),
}
"""Name and level of each kind of event; `level_of` makes the exceptions."""

_BAD = frozenset({Outcome.PARTIAL, Outcome.FAILED, Outcome.REFUSED})
_HEAD = ("job", "run_id", "dataset")


class LogSink:
    """An event sink that writes a line for each event."""

    def emit(self, event: Event) -> None:
        """Write the line of `event`."""
        log().log(level_of(event), name_of(event), **fields_of(event))


def name_of(event: Event) -> str:
    """The dotted noun of a log line."""
    if isinstance(event, ConfigLoaded) and not event.ok:
        return "config.rejected"
    return LINES[type(event)][0]


def level_of(event: Event) -> int:
    """How much a person is needed: a level of `logging`."""
    if isinstance(event, RunFinished) and event.outcome in _BAD:
        return logging.ERROR
    if isinstance(event, ConfigLoaded) and not event.ok:
        return logging.ERROR
    return LINES[type(event)][1]


def fields_of(event: Event) -> dict[str, Any]:
    """Where it happened first, then the event's own fields; what is empty or None is left out."""
    own = [field.name for field in dataclasses.fields(event) if field.name not in (*_HEAD, "at")]
    values = {name: _plain(getattr(event, name)) for name in (*_HEAD, *own) if hasattr(event, name)}
    values = {("run" if name == "run_id" else name): value for name, value in values.items()}
    if isinstance(event, RunFinished):
        values["seconds"] = event.duration_seconds
        del values["started_at"]
    return {name: value for name, value in values.items() if value not in ("", None)}


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return ",".join(value) if isinstance(value, tuple) else value
