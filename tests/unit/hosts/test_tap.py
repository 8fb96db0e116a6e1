"""The tap in the stream: what moved, when, and who keeps whom waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.hosts.tap import Tap
from zfspull.zfs.texts import Side


class FakeSink:
    """A sink that takes what a test lets it."""

    def __init__(self):
        self.given = b""
        self.pending_bytes = 0
        self.broken = False

    def write(self, data):
        self.given += data
        self.pending_bytes += len(data)

    async def drain(self):
        self.pending_bytes = 0


class FakeClock:
    """Time that a test sets."""

    time = 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds


@pytest.fixture
def sink():
    return FakeSink()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def tap(sink, clock):
    return Tap(sink, clock)


@given(st.lists(st.binary(max_size=20), max_size=20))
async def test_everything_passes_and_is_counted(chunks):
    """Every byte passes in order, and each is counted once."""
    sink = FakeSink()
    tap = Tap(sink, FakeClock())

    for chunk in chunks:
        tap.write(chunk)
    assert tap.pending_bytes == sink.pending_bytes
    await tap.drain()

    assert sink.given == b"".join(chunks)
    assert (tap.moved_bytes, tap.pending_bytes) == (len(sink.given), 0)


def test_a_broken_target_moves_nothing(tap, sink, clock):
    """What a target that is gone is given is not counted, nor taken for movement."""
    tap.write(b"some")
    sink.broken, clock.time = True, 5.0

    tap.write(b"more")

    assert (tap.moved_bytes, tap.moved_at, tap.broken) == (4, 0.0, True)


async def test_waiting_for_a_broken_target_is_no_movement(tap, sink, clock):
    """A target that closed its input and does not end is seen standing still, however often the stream is drained."""
    tap.write(b"some")
    sink.broken, clock.time = True, 5.0

    await tap.drain()

    assert tap.idle_seconds() == 5.0
    assert tap.waiting_for is Side.TARGET


def test_who_is_waited_for(tap, sink):
    """The source is waited for while the target has taken everything, the target while it has not or the source is done."""
    assert tap.waiting_for is Side.SOURCE
    tap.write(b"some")
    assert tap.waiting_for is Side.TARGET
    sink.pending_bytes = 0
    assert tap.waiting_for is Side.SOURCE
    tap.complete = True
    assert tap.waiting_for is Side.TARGET


async def test_idle_since_the_last_movement(tap, sink, clock):
    """Writing, draining and a target that takes a little all count as movement; the passing of time does not."""
    clock.time = 5.0
    assert tap.idle_seconds() == 5.0

    tap.write(b"some")
    assert tap.idle_seconds() == 0.0

    clock.time = 15.0
    assert tap.idle_seconds() == 10.0
    sink.pending_bytes = 1
    assert tap.idle_seconds() == 0.0

    clock.time = 25.0
    assert tap.idle_seconds() == 10.0
    await tap.drain()
    assert tap.idle_seconds() == 0.0
