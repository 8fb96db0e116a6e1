"""The streams: each step's start, progress and end."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.events.event import Event


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
