"""Parts that go on."""

from __future__ import annotations

import asyncio

import structlog

from zfspull.daemon import supervise
from zfspull.daemon.supervise import CarefulSink, keep_going
from zfspull.events import QueueChanged


EVENT = QueueChanged(at=0.0, waiting=0, running=0)


async def test_a_part_that_crashes_is_started_again(monkeypatch):
    """P10: a bug in one part of the daemon is logged with its traceback, and the part goes on."""
    monkeypatch.setattr(supervise, "PAUSE_SECONDS", 0.0)
    attempts = []

    async def work():
        attempts.append(1)
        if len(attempts) < 3:
            raise ZeroDivisionError

    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(5):
            await keep_going("queue", work)

    assert len(attempts) == 3
    assert [(line["event"], line["part"]) for line in logs] == [("part.crashed", "queue")] * 2


def test_a_sink_that_raises_harms_nobody():
    """P10: a full disk under the history stops no run; it is logged once, and again after it had recovered."""

    class Sink:
        broken = True

        def emit(self, event):
            if self.broken:
                raise OSError

    sink = Sink()
    careful = CarefulSink(sink)
    with structlog.testing.capture_logs() as logs:
        for broken in (True, True, False, True):
            sink.broken = broken
            careful.emit(EVENT)

    assert [line["event"] for line in logs] == ["sink.failed", "sink.failed"]
