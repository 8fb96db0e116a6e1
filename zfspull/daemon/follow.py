"""Following a run from outside: a bounded queue of its events, and how it ended.

The one who follows may be slow or gone; the run does not notice. Of progress the latest counts. Of all else the oldest
is dropped when it is too much, and who follows is told how many, in their place.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING

from zfspull.events import Noticed, TransferProgress


if TYPE_CHECKING:
    from zfspull.events import Event


MAX_EVENTS = 16_384
"""A run may tell of thousands of datasets in one go, before anybody has a turn to read."""
MAX_PROGRESS = 256


class Follower:
    """An event sink that somebody reads at their own pace.

    Attributes:
        dropped: how many events did not fit, progress apart.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_progress: int = MAX_PROGRESS) -> None:
        self._max_events = max_events
        self._max_progress = max_progress
        self._numbers = count()
        self._events: OrderedDict[int, Event] = OrderedDict()
        self._progress: OrderedDict[str, int] = OrderedDict()  # by dataset: the number of its event
        self._changed = asyncio.Event()
        self._ended = False
        self._result: object = None
        self._told = 0
        self.dropped = 0

    def emit(self, event: Event) -> None:
        """Take note of `event`."""
        if self._ended:
            return
        number = next(self._numbers)
        self._events[number] = event
        if isinstance(event, TransferProgress):
            self._note_progress(event.dataset, number)
        elif len(self._events) - len(self._progress) > self._max_events:
            self._drop_oldest()
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
        if self.dropped > self._told:
            return self._notice()
        _, event = self._events.popitem(last=False)
        if isinstance(event, TransferProgress):
            del self._progress[event.dataset]
        return event

    def _note_progress(self, dataset: str, number: int) -> None:
        """Only the latest progress of each dataset is worth telling, and that of so many datasets."""
        if (earlier := self._progress.pop(dataset, None)) is not None:
            del self._events[earlier]
        self._progress[dataset] = number
        if len(self._progress) > self._max_progress:
            _, oldest = self._progress.popitem(last=False)
            del self._events[oldest]

    def _drop_oldest(self) -> None:
        oldest = next(number for number, event in self._events.items() if not isinstance(event, TransferProgress))
        del self._events[oldest]
        self.dropped += 1

    def _notice(self) -> Noticed:
        """What stands for the events that were dropped since the last one, which are older than all that are left."""
        following = next(iter(self._events.values()))
        missed, self._told = self.dropped - self._told, self.dropped
        return Noticed(
            at=following.at,
            job=following.job,
            run_id=following.run_id,
            reason="events_dropped",
            message=f"events that came faster than they were read, and are not shown: {missed}",
        )
