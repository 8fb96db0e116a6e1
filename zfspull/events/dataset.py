"""What a run did about one dataset, apart from its streams, and how it is after the run."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.events.event import Event


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
class DatasetFailed(Event):
    """A dataset could not be pulled in this run; `attempts` were made."""

    dataset: str
    reason: str
    message: str
    hint: str
    attempts: int


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
class CursorMoved(Event):
    """The base of a dataset is kept usable on the source, by a bookmark (`#name`) or a hold on a snapshot (`@name`)."""

    dataset: str
    cursor: str


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
