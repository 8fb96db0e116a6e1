"""The rate limit, on a clock of its own."""

from __future__ import annotations

import asyncio
import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.hosts.limiter import Limiter


RATE = 1000


class FakeClock:
    """Time that passes only when everybody sleeps."""

    def __init__(self):
        self.time = 0.0
        self._sleepers = []

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + seconds, id(woken), woken))
        await woken

    async def run(self, *tasks):
        """Let time pass until all tasks are done."""
        gathered = asyncio.gather(*tasks)
        while not gathered.done():
            for _ in range(10):
                await asyncio.sleep(0)
            if self._sleepers and not gathered.done():
                self.time, _, woken = heapq.heappop(self._sleepers)
                woken.set_result(None)
        await gathered


async def send(limiter, sizes):
    for size in sizes:
        await limiter.pay(size)


@given(st.lists(st.lists(st.integers(1, 5000), min_size=1, max_size=8), min_size=1, max_size=4))
async def test_the_rate_holds(streams):
    """However many streams share it, bytes beyond the first second's worth take exactly their time."""
    clock = FakeClock()
    limiter = Limiter(RATE, clock)

    await clock.run(*(send(limiter, sizes) for sizes in streams))

    total = sum(map(sum, streams))
    assert clock.time == pytest.approx(max(0.0, total / RATE - 1))


@given(st.floats(0, 1e6), st.integers(1, 10_000))
async def test_idleness_saves_one_second_at_most(idle_seconds, size):
    """After any idle time no more than one second's worth passes at once."""
    clock = FakeClock()
    limiter = Limiter(RATE, clock)
    clock.time = idle_seconds

    await clock.run(send(limiter, [size]))

    assert clock.time - idle_seconds == pytest.approx(max(0.0, size / RATE - 1), abs=1e-6)


async def test_neither_of_two_streams_starves():
    """Two streams that always have something to send get the same share, but for the first second's worth."""
    clock = FakeClock()
    limiter = Limiter(RATE, clock)
    sent = [0, 0]

    async def stream(which):
        while clock.time < 20:
            await limiter.pay(100)
            sent[which] += 100

    await clock.run(stream(0), stream(1))

    assert sum(sent) == pytest.approx(21 * RATE, rel=0.05)
    assert sent[0] == pytest.approx(sent[1], abs=1.2 * RATE)
