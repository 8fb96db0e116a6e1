"""The hourly look at the pools: who is told of what, and that it survives whatever a pool does."""

import asyncio

import pytest

from zfspull.daemon.space import SpaceWatch
from zfspull.errors import LocalResourceError
from zfspull.events import PoolObserved
from zfspull.plan.space import BUCKET_SECONDS, Sample
from zfspull.zfs.model import Space


@pytest.fixture
def watch(clock, recorder):
    """A watch over what `spaces` says of each pool, run until it has seen them all."""

    async def make(spaces, past=()):
        asked = []

        async def look(pool):
            asked.append(pool)
            if isinstance(spaces[pool], Exception):
                raise spaces[pool]
            return spaces[pool]

        watch = SpaceWatch(pools=lambda: spaces, look=look, past=lambda _: list(past), events=recorder, clock=clock)
        task = asyncio.create_task(watch.go_on())
        async with asyncio.timeout(5):
            while len(asked) < len(spaces):  # noqa: ASYNC110 - a test
                await asyncio.sleep(0)
            watch.hurry()
            while len(asked) < 2 * len(spaces):  # noqa: ASYNC110 - a test
                await asyncio.sleep(0)
        task.cancel()
        return recorder.of(PoolObserved)

    return make


async def test_each_pool_is_told_of(watch, clock):
    """One event for each pool and look, without a date where there is no past."""
    seen = await watch({"vault": Space(10, 90), "attic": Space(1, 1)})

    assert [(event.pool, event.used_bytes, event.available_bytes, event.full_at, event.at) for event in seen[:2]] == [
        ("attic", 1, 1, None, clock.now()),
        ("vault", 10, 90, None, clock.now()),
    ]


async def test_the_past_gives_the_date(watch, clock):
    """A pool that filled evenly until now has a date when it is full."""
    past = [Sample(clock.now() - number * BUCKET_SECONDS, 1000 - 10 * number) for number in range(1, 20)]

    seen = await watch({"vault": Space(1000, 100)}, past)

    assert seen[0].full_at == pytest.approx(clock.now() + 10 * BUCKET_SECONDS)


async def test_one_pool_in_trouble_hides_no_other(watch):
    """P10: a pool that can't be asked, or is not there, is passed over."""
    seen = await watch({"a": LocalResourceError("suspended"), "b": None, "c": Space(1, 1)})

    assert {event.pool for event in seen} == {"c"}
