"""What an event is, and those who want to know of events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


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


class EventSink(Protocol):
    """Whoever wants to know."""

    def emit(self, event: Event, /) -> None:
        """Take note of `event`; never raises, never blocks."""


class Fanout:
    """One sink that hands every event to several."""

    def __init__(self, sinks: Iterable[EventSink] = ()) -> None:
        self._sinks = tuple(sinks)

    def emit(self, event: Event) -> None:
        """Hand `event` to every sink."""
        for sink in self._sinks:
            sink.emit(event)
