"""The pools here, looked at every hour: how much room there is, and when there will be none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from zfspull.errors import ZfspullError
from zfspull.events import PoolObserved
from zfspull.log import log
from zfspull.plan.space import Sample, seconds_until_full


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.events import EventSink
    from zfspull.zfs.model import Space

LOOK_EVERY_SECONDS = 3600.0
LOOK_SECONDS = 60.0
"""How long a look at one pool may take: a suspended pool answers never."""


class SpaceWatch:
    """Looks at every pool that a job receives into, whether its jobs run or not, and tells what it saw.

    Args:
        pools: names of the pools, as of now.
        look: asks one.
        past: what was seen of one before.
        events: told; among them is who keeps the past.
        clock: time.
    """

    def __init__(
        self,
        *,
        pools: Callable[[], Iterable[str]],
        look: Callable[[str], Awaitable[Space | None]],
        past: Callable[[str], list[Sample]],
        events: EventSink,
        clock: Clock,
    ) -> None:
        self._pools = pools
        self._look = look
        self._past = past
        self._events = events
        self._clock = clock
        self._wanted = asyncio.Event()
        self._silent: set[str] = set()

    def hurry(self) -> None:
        """Look soon: there may be other pools."""
        self._wanted.set()

    async def go_on(self) -> None:
        """Look now, every hour, and whenever there is reason to hurry; for ever."""
        while True:
            self._wanted.clear()
            for pool in sorted(set(self._pools())):
                await self._observe(pool)
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _observe(self, pool: str) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                space = await self._look(pool)
        except (TimeoutError, ZfspullError) as error:
            if pool not in self._silent:  # once is enough: its jobs will say more
                log().warning("pool.silent", pool=pool, message=str(error) or f"no answer within {LOOK_SECONDS:.0f} s")
            self._silent.add(pool)
            return
        self._silent.discard(pool)
        if space is None:
            return
        now = self._clock.now()
        samples = [*self._past(pool), Sample(now, space.used_bytes)]
        left = seconds_until_full(samples, space.available_bytes)
        self._events.emit(
            PoolObserved(
                at=now,
                pool=pool,
                used_bytes=space.used_bytes,
                available_bytes=space.available_bytes,
                full_at=None if left is None else now + left,
            )
        )
