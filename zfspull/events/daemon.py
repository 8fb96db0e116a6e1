"""What concerns the daemon as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.events.event import Event


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
