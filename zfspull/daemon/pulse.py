"""Whether the daemon is alive: the watchdog's food, and how late the event loop is.

The watchdog hears of the daemon only as long as every part that must turn does turn: a timer that merely fires would
keep a daemon alive that schedules nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zfspull.log import log
from zfspull.observe.health import FINE, Check, assess


if TYPE_CHECKING:
    from zfspull.daemon.notify import Notifier

TURN_SECONDS = 10.0
"""How often each part turns at least, with nothing to do."""
PROBE_SECONDS = 0.25


def turn_seconds(notifier: Notifier) -> float:
    """How often parts have to turn so that the watchdog, which looks twice per time limit, finds progress each time."""
    limit_seconds = notifier.watchdog_seconds
    return TURN_SECONDS if limit_seconds is None else min(TURN_SECONDS, limit_seconds / 8)


async def feed_watchdog(notifier: Notifier, progress: Mapping[str, Check]) -> None:
    """Tell systemd twice per time limit that all is well, as long as every check of `progress` says so; for ever.

    Returns at once if systemd does not want to hear. Withholding the sign of life makes it restart the daemon.
    """
    limit_seconds = notifier.watchdog_seconds
    if limit_seconds is None:
        return
    while True:
        await asyncio.sleep(limit_seconds / 2)
        stalled = {name: answer for name, answer in assess(progress).items() if answer != FINE}
        if stalled:
            log().error("watchdog.withheld", **stalled)
        else:
            notifier.watchdog()


async def measure_lag(report: Callable[[float], None], *, every_seconds: float = TURN_SECONDS) -> None:
    """Measure how late the event loop wakes what waits, for ever.

    Args:
        report: given the worst lateness of each period, in seconds.
        every_seconds: the length of a period.
    """
    loop = asyncio.get_running_loop()
    while True:
        worst_seconds = 0.0
        ends = loop.time() + every_seconds
        while (before := loop.time()) < ends:
            await asyncio.sleep(PROBE_SECONDS)
            worst_seconds = max(worst_seconds, loop.time() - before - PROBE_SECONDS)
        report(worst_seconds)
