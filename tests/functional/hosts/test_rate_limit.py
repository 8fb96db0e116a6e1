"""The rate limit of a host over real connections: streams take as long as their bytes cost, and share."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.functional.hosts.sshhost import MIB, streams
from zfspull.clock import SystemClock
from zfspull.hosts.limiter import Limiter


class Nowhere:
    """A sink that takes everything at once."""

    broken = False
    pending_bytes = 0

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)

    async def drain(self):
        pass


@pytest.mark.parametrize("how_many", [1, 2])
async def test_bytes_take_their_time(ssh_host, how_many):
    """N bytes at R bytes a second take about N/R, less the first second's worth, by one stream or by two together."""
    rate, size = 2 * MIB, 6 * MIB
    ssh_host.script = streams(size // how_many)
    connection = ssh_host.connection()
    limiter = Limiter(rate, SystemClock())
    sinks = [Nowhere() for _ in range(how_many)]
    await connection.run(["true"], timeout_seconds=20)
    started = time.monotonic()

    await asyncio.gather(
        *(connection.stream(["zfs", "send"], sink, limiter=limiter, on_stderr=lambda _: None) for sink in sinks)
    )

    assert sum(sink.size for sink in sinks) == size
    assert 1.2 < time.monotonic() - started < 6.0


async def test_shared_fairly(ssh_host):
    """Of two streams under one limit, neither starves."""
    ssh_host.script = streams(1 << 40)
    connection = ssh_host.connection()
    limiter = Limiter(4 * MIB, SystemClock())
    sinks = [Nowhere(), Nowhere()]
    running = [
        asyncio.create_task(connection.stream(["zfs", "send"], sink, limiter=limiter, on_stderr=lambda _: None))
        for sink in sinks
    ]

    await asyncio.sleep(1.5)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)

    assert min(sink.size for sink in sinks) > MIB
    assert sum(sink.size for sink in sinks) < 16 * MIB


async def test_a_limit_bounds_what_is_under_way(ssh_host):
    """A slow limit asks for small windows, so that what arrives at once is small too."""
    ssh_host.script = streams(1 << 40)
    connection = ssh_host.connection()
    sink = Nowhere()
    running = asyncio.create_task(
        connection.stream(["zfs", "send"], sink, limiter=Limiter(64 << 10, SystemClock()), on_stderr=lambda _: None)
    )

    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert 0 < sink.size <= 384 << 10
