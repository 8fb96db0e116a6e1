"""The course of a run: why it was started, what it found, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zfspull.events.event import Event


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
class HostFailed(Event):
    """A host could not be reached or logged in to."""

    host: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCompared(Event):
    """How far the clock of a host is ahead of the one here (behind if negative), at least; 0 if they may agree."""

    host: str
    skew_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed(Event):
    """Something that a person may look at, and that stops nothing: clock skew, an old OpenZFS, a missing permission."""

    reason: str
    message: str
    dataset: str = ""
