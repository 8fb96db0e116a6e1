"""What happened, as frozen records, and the protocol of those who want to know.

The rooms that work (`pull`, `daemon`) emit; the rooms that show (`observe`, `cli`) consume. A sink must not raise and
must not block: what it does with an event is its own affair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


SOURCE, TARGET = "source", "target"
"""The sides on which retention works."""


class Outcome(StrEnum):
    """How a run ended."""

    SUCCESS = "success"
    """Every dataset of the job is verified up to date, and pruning did what it should."""
    PARTIAL = "partial"
    """Some datasets succeeded, at least one did not."""
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing failed, but at least one dataset needs a person's decision."""
    CANCELLED = "cancelled"
    """Stopped on request; what was being received resumes in the next run."""


class Trigger(StrEnum):
    """Why a run was started."""

    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        at: seconds since the epoch.
        job: name of the job, "" for what concerns the daemon as a whole.
        run_id: identity of the run, "" outside one.

    Where an event has a `dataset`, it is the full name of the replica on the target, "" for the job as a whole.
    """

    at: float
    job: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins."""

    trigger: Trigger
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The end of a run. `error` is "" on success, else the first thing that went wrong, with its `hint`."""

    outcome: Outcome
    started_at: float
    datasets: int
    received_bytes: int
    steps: int
    resumed: int
    retries: int
    refused: int
    failed: int
    destroyed: int
    error: str = ""
    hint: str = ""
    reason: str = ""

    @property
    def duration_seconds(self) -> float:
        """How long the run took."""
        return self.at - self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Event):
    """What a run found to do."""

    datasets: int
    steps: int
    up_to_date: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRefused(Event):
    """A dataset needs a person's decision; nothing was done to it."""

    dataset: str
    reason: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Event):
    """A refusal was resolved as the job says: `remedy` was done to `dataset`; `to` is the snapshot or the new name."""

    dataset: str
    reason: str
    remedy: str
    to: str
    destroyed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMoved(Event):
    """The base of a dataset is kept usable on the source, by a bookmark (`#name`) or a hold on a snapshot (`@name`)."""

    dataset: str
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFailed(Event):
    """A dataset could not be pulled in this run; `attempts` were made."""

    dataset: str
    reason: str
    message: str
    hint: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted(Event):
    """A step starts. `kind` is full, incremental, range or resume; `expected_bytes` is None where unknown."""

    dataset: str
    kind: str
    base: str
    to: str
    expected_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress(Event):
    """Emitted about once a second during a step; `moved_bytes` counts from the start of this step."""

    dataset: str
    moved_bytes: int
    expected_bytes: int | None
    bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFinished(Event):
    """A step ended and its snapshot was seen on the target with the right guid."""

    dataset: str
    kind: str
    to: str
    moved_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed(Event):
    """A step failed; `side` is source, target or link."""

    dataset: str
    kind: str
    to: str
    moved_bytes: int
    side: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """A dataset is tried again after a pause."""

    dataset: str
    attempt: int
    delay_seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeDiscarded(Event):
    """An interrupted receive could not be resumed and was given up, with the evidence for it."""

    dataset: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetObserved(Event):
    """The target dataset as it really is after the run: the true recovery point.

    Attributes:
        newest_at: creation of the newest snapshot on the target, seconds since the epoch; None without any.
        source_newest_at: the same of the newest matching snapshot on the source, None where the source is unknown.
        dataset: full name of the replica, as in all events of a run.
        source: full name on the host.
        snapshots: how many there are on the target.
        up_to_date: whether the target's newest snapshot is the newest that the job wants from the source.
        missing_seconds: for how long the source has not had the dataset any more, as observed; None if it has.
        used_bytes: space that it takes on the target with all below it, None if it is not there.
        snapshots_bytes: space that its own snapshots alone hold there.
    """

    dataset: str
    source: str
    newest_at: int | None
    source_newest_at: int | None
    snapshots: int
    up_to_date: bool
    missing_seconds: float | None = None
    used_bytes: int | None = None
    snapshots_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsTaken(Event):
    """A snapshot named `name` was taken of the dataset `source`, and of all below it if `recursive`."""

    name: str
    source: str
    recursive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCompared(Event):
    """How far the clock of a host is ahead of the one here (behind if negative), at least; 0 if they may agree."""

    host: str
    skew_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsDestroyed(Event):
    """Snapshots of one dataset were destroyed by retention; `kept` remain.

    `side` is target, or source: then `dataset` is the name there.
    """

    dataset: str
    names: tuple[str, ...]
    kept: int
    side: str = TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDestroyed(Event):
    """A target dataset that had been missing on the source was destroyed, after its snapshots, as the job says."""

    dataset: str
    missing_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSkipped(Event):
    """A snapshot that retention gives up could not be destroyed (held, cloned, busy), and stays; `side` as above."""

    dataset: str
    name: str
    reason: str
    side: str = TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRefused(Event):
    """Retention would have destroyed more on one side than the job allows; nothing was destroyed there."""

    message: str
    hint: str
    count: int
    limit: int
    side: str = TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFailed(Event):
    """A host could not be reached or logged in to."""

    host: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed(Event):
    """Something that a person may look at, and that stops nothing: clock skew, an old OpenZFS, a missing permission."""

    reason: str
    message: str
    dataset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolObserved(Event):
    """The room in a pool here. `full_at` is when it is full if it goes on so, None where that is not in sight."""

    pool: str
    used_bytes: int
    available_bytes: int
    full_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigLoaded(Event):
    """The configuration was loaded, at start or by a reload."""

    ok: bool
    jobs: int
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged(Event):
    """How many jobs wait and how many run."""

    waiting: int
    running: int


class EventSink(Protocol):
    """Whoever wants to know."""

    def emit(self, event: Event, /) -> None:
        """Take note of `event`; never raises, never blocks."""


class Fanout:
    """One sink that hands every event to several."""

    def __init__(self, sinks: Iterable[EventSink] = ()) -> None:
        self._sinks = list(sinks)

    def add(self, sink: EventSink) -> None:
        """Let `sink` have all events from now on."""
        self._sinks.append(sink)

    def remove(self, sink: EventSink) -> None:
        """Give `sink` no more events."""
        self._sinks.remove(sink)

    def emit(self, event: Event) -> None:
        """Hand `event` to every sink."""
        for sink in tuple(self._sinks):
            sink.emit(event)
