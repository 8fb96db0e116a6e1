"""Waiting for what can't be awaited, such as the other side of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    """Return as soon as `condition()` is true.

    Raises:
        TimeoutError: if that takes longer than `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells us: that is what this is for
            await asyncio.sleep(0.005)
