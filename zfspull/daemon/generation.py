"""One loaded configuration and the connections made for it, for as long as anything still works with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zfspull.daemon.dispatch import Dispatch, Place
from zfspull.log import log


if TYPE_CHECKING:
    from zfspull.config.schema import Config
    from zfspull.hosts.ends import Ends

CLOSE_SECONDS = 15.0


class Generation:
    """A configuration with its two ends. A reload makes a new one; a run keeps the one that it began with.

    Attributes:
        config: what was loaded.
        ends: made for it.
    """

    def __init__(self, config: Config, ends: Ends) -> None:
        self.config = config
        self.ends = ends
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keep the ends open for as long as the context lasts."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._unused.set()

    async def close(self, *, wait: bool) -> None:
        """Close the ends; with `wait`, not before their last user is done. Never raises for trouble in closing."""
        if wait:
            await self._unused.wait()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ends.aclose()
        except Exception:  # noqa: BLE001 - nobody is helped by an error in closing
            log().exception("ends.close_failed", hint="connections to hosts may stay open until they time out")

    def configure(self, dispatch: Dispatch) -> tuple[str, ...]:
        """Let `dispatch` queue the jobs of this generation, by its limits; returns the waiting jobs that are gone."""
        config = self.config
        return dispatch.configure(
            {name: Place(job.host, job.target) for name, job in config.jobs.items()},
            total=config.limits.runs,
            per_host={name: host.streams for name, host in config.hosts.items()},
        )
