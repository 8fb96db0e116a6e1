"""Keeps the parts of the daemon going whatever happens to one of them (P10)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from zfspull.log import log


if TYPE_CHECKING:
    from zfspull.events import Event, EventSink

PAUSE_SECONDS = 1.0
"""How long a part that crashed rests before it is started again."""


async def keep_going(part: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work`, and do it again after it crashed; returns when it returns."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - P10: the daemon never needs a restart to recover
            log().exception("part.crashed", part=part, hint="this is a bug in zfspull; please report this line")
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


class CarefulSink:
    """Hands events to a sink that must not raise, and holds it to that: its trouble is logged and stays its own."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._failing = False

    def emit(self, event: Event) -> None:
        """Hand `event` on. Of several failures in a row only the first is logged."""
        try:
            self._sink.emit(event)
        except Exception:  # noqa: BLE001 - a broken sink must stop no run
            if not self._failing:
                log().exception("sink.failed", sink=type(self._sink).__name__, event_kind=type(event).__name__)
            self._failing = True
        else:
            self._failing = False
