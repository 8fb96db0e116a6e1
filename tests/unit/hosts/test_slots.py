"""Places for streams: limits per host and over all, without one host's queue taking places from others."""

from __future__ import annotations

import asyncio

from zfspull.hosts.slots import Slots


class Crowd:
    """Streams that hold their places until they are let go."""

    def __init__(self):
        self.inside = []
        self.let_go = asyncio.Event()

    async def stream(self, name, slots):
        async with slots.stream():
            self.inside.append(name)
            await self.let_go.wait()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_limits_hold():
    """No more streams run than a host allows, nor than all hosts together may have."""
    everywhere = asyncio.Semaphore(3)
    a, b = Slots(asyncio.Semaphore(2), everywhere), Slots(asyncio.Semaphore(2), everywhere)
    crowd = Crowd()
    async with asyncio.TaskGroup() as group:
        for name, slots in (("a", a), ("b", b)) * 4:
            group.create_task(crowd.stream(name, slots))
        await settle()

        assert len(crowd.inside) == 3
        assert max(crowd.inside.count("a"), crowd.inside.count("b")) == 2
        crowd.let_go.set()

    assert sorted(crowd.inside) == ["a"] * 4 + ["b"] * 4


async def test_a_busy_host_takes_no_place_from_others():
    """Streams that wait for their own host leave the places over all to other hosts."""
    everywhere = asyncio.Semaphore(2)
    busy, idle = Slots(asyncio.Semaphore(1), everywhere), Slots(asyncio.Semaphore(1), everywhere)
    crowd = Crowd()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(crowd.stream("busy", busy))
        await settle()
        group.create_task(crowd.stream("idle", idle))
        await settle()

        assert crowd.inside == ["busy", "idle"]
        crowd.let_go.set()


async def test_cancelled_while_waiting():
    """Whoever is cancelled while it waits leaves no place taken."""
    everywhere = asyncio.Semaphore(1)
    slots = Slots(asyncio.Semaphore(1), everywhere)
    crowd = Crowd()
    tasks = [asyncio.create_task(crowd.stream(name, slots)) for name in "ab"]
    await settle()

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async with asyncio.timeout(5), slots.stream():
        assert crowd.inside == ["a"]
