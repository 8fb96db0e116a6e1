"""Following a run from outside: a bounded queue of its events, and how it ended.

The one who follows may be slow or gone; the run does not notice. What does not fit is dropped, progress first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from zfspull.events import TransferProgress


if TYPE_CHECKING:
    from zfspull.events import Event


MAX_EVENTS = 256


class Follower:
    """An event sink that somebody reads at their own pace.

    Attributes:
        dropped: how many events did not fit.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS) -> None:
        self._events: deque[Event] = deque()
        self._max_events = max_events
        self._changed = asyncio.Event()
        self._ended = False
        self._result: object = None
        self.dropped = 0

    def emit(self, event: Event) -> None:
        """Take note of `event`."""
        if self._ended:
            return
        if isinstance(event, TransferProgress):
            self._forget_progress(event.dataset)
        if len(self._events) >= self._max_events and not self._make_room(event):
            return
        self._events.append(event)
        self._changed.set()

    def end(self, result: object) -> None:
        """There will be no more events. The first `result` counts: a value, or the exception that it ended with."""
        if not self._ended:
            self._ended, self._result = True, result
            self._changed.set()

    @property
    def result(self) -> object:
        """What it ended with; None before."""
        return self._result

    async def next(self) -> Event | None:
        """The next event, waiting for it; None when it has ended and all events were read."""
        while not self._events:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    def _forget_progress(self, dataset: str) -> None:
        """Only the latest progress of each dataset is worth telling."""
        for index, event in enumerate(self._events):
            if isinstance(event, TransferProgress) and event.dataset == dataset:
                del self._events[index]
                return

    def _make_room(self, event: Event) -> bool:
        self.dropped += 1
        if isinstance(event, TransferProgress):
            return False
        for index, known in enumerate(self._events):
            if isinstance(known, TransferProgress):
                del self._events[index]
                return True
        self._events.popleft()
        return True
