"""Signs of life."""

from __future__ import annotations

import asyncio
import time

import pytest

from zfspull.daemon import pulse
from zfspull.daemon.pulse import feed_watchdog, measure_lag, turn_seconds


class Systemd:
    def __init__(self, watchdog_seconds):
        self.watchdog_seconds = watchdog_seconds
        self.signs = 0

    def watchdog(self):
        self.signs += 1


async def fed(systemd, checks, seconds):
    task = asyncio.create_task(feed_watchdog(systemd, checks))
    await asyncio.sleep(seconds)
    task.cancel()
    return systemd.signs


async def test_a_daemon_that_makes_progress_shows_signs_of_life():
    """The watchdog hears from the daemon well within its time limit."""
    assert await fed(Systemd(0.04), {"a": lambda: None, "b": lambda: None}, 0.3) >= 3


async def test_a_part_that_stalls_withholds_the_sign():
    """P10: one part that no longer turns makes systemd restart the daemon, however lively the others are."""
    assert await fed(Systemd(0.04), {"a": lambda: None, "b": lambda: "no progress for 40 s"}, 0.15) == 0


async def test_without_a_watchdog_nothing_is_fed():
    """Where systemd does not ask, the feeding ends at once."""
    async with asyncio.timeout(1):
        await feed_watchdog(Systemd(None), {})


@pytest.mark.parametrize(("limit_seconds", "longest_seconds"), [(None, 10.0), (60.0, 7.5), (2.0, 0.25), (3600.0, 10.0)])
def test_parts_turn_often_enough(limit_seconds, longest_seconds):
    """Every part turns several times between two looks of the watchdog, whatever its time limit."""
    assert turn_seconds(Systemd(limit_seconds)) == longest_seconds


async def test_a_blocked_loop_is_measured(monkeypatch):
    """P9: what holds the event loop up is seen, about as long as it was."""
    monkeypatch.setattr(pulse, "PROBE_SECONDS", 0.01)
    reports = []
    task = asyncio.create_task(measure_lag(reports.append, every_seconds=0.2))
    await asyncio.sleep(0.05)
    time.sleep(0.15)  # noqa: ASYNC251 - to block the loop is the point
    async with asyncio.timeout(5):
        while not reports:  # noqa: ASYNC110 - the condition is a test's own
            await asyncio.sleep(0.01)
    task.cancel()

    assert reports[0] >= 0.1
