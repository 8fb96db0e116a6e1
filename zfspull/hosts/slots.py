"""How many streams may run at once: over one host, and over all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """A place for one stream is a place at its host and one among all."""

    def __init__(self, host: asyncio.Semaphore, everywhere: asyncio.Semaphore) -> None:
        self._host = host
        self._everywhere = everywhere

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[None]:
        """Hold a place; the host's is taken first, so that waiting for a busy host takes no place from others."""
        async with self._host, self._everywhere:
            yield
