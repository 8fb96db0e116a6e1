"""What is taken away from the source once datasets are done with it: of many datasets at once, and in no haste.

Nothing waits for it, and what a run that dies leaves behind, the next one takes away before its own steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


AT_ONCE = 20


class Sweep:
    """Gathers what is to be done, and does it as soon as there is enough, or `finish` is called."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], Awaitable[None]]] = []

    async def add(self, work: Callable[[], Awaitable[None]]) -> None:
        """Leave `work` to be done with that of others; whoever makes it enough sees it done."""
        self._waiting.append(work)
        if len(self._waiting) >= AT_ONCE:
            await self.finish()

    async def finish(self) -> None:
        """Do all that is left."""
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(work() for work in waiting))
