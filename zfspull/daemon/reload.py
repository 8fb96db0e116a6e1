"""Loading the configuration, at start and again: all or nothing. Whatever fails, the old one keeps running (P8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from zfspull.daemon.generation import Generation
from zfspull.errors import LocalResourceError, ZfspullError
from zfspull.events import ConfigLoaded
from zfspull.log import log


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.config.schema import Config
    from zfspull.daemon.web import Web
    from zfspull.hosts.ends import Ends

LOAD_SECONDS = 60.0


class Loader:
    """Makes generations: the files are read, checked, and all that can fail for them is tried.

    Args:
        load: reads the files; runs in a thread, so that a slow disk or a large configuration holds nothing up.
        open_ends: makes the two ends of a configuration.
    """

    def __init__(self, load: Callable[[], Config], open_ends: Callable[[Config], Ends]) -> None:
        self._load = load
        self._open_ends = open_ends

    async def load(self) -> Generation:
        """A new generation.

        Raises:
            ConfigError: with all mistakes in the files.
            LocalResourceError: they could not be read in time.
        """
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                config = await asyncio.to_thread(self._load)
        except TimeoutError as error:
            raise LocalResourceError(
                f"the configuration could not be read within {LOAD_SECONDS:.0f} s",
                hint="does its file system hang?",
                reason="config_unreadable",
            ) from error
        return Generation(config, self._open_ends(config))


class Reloader:
    """Takes over a new configuration, one at a time.

    Args:
        loader: makes the new generation.
        web: moved if it has to.
        approve: looks at the new generation before anything is done with it; raises to refuse it.
        swap: takes the new generation over at once; it can't fail.
        clock: for the time of the event.
    """

    def __init__(
        self,
        loader: Loader,
        web: Web,
        approve: Callable[[Generation], Awaitable[None]],
        swap: Callable[[Generation], None],
        clock: Clock,
    ) -> None:
        self._loader = loader
        self._web = web
        self._approve = approve
        self._swap = swap
        self._clock = clock
        self._lock = asyncio.Lock()

    async def reload(self) -> ConfigLoaded:
        """Try; never raises for trouble with the new configuration: that is in the event, for the caller to emit."""
        async with self._lock:
            try:
                generation = await self._prepare()
            except ZfspullError as error:
                return self._rejected(f"{error}\n{error.hint}".strip())
            except Exception as error:  # noqa: BLE001 - the old configuration keeps running whatever happens
                log().exception("reload.crashed", hint="this is a bug in zfspull; please report this line")
                return self._rejected(f"bug in zfspull: {type(error).__name__}: {error}")
            self._swap(generation)
            return ConfigLoaded(at=self._clock.now(), ok=True, jobs=len(generation.config.jobs))

    async def _prepare(self) -> Generation:
        generation = await self._loader.load()
        try:
            await self._approve(generation)
            await self._web.move(generation.config.http)
        except BaseException:
            await generation.close(wait=False)
            raise
        return generation

    def _rejected(self, message: str) -> ConfigLoaded:
        return ConfigLoaded(at=self._clock.now(), ok=False, jobs=0, message=message)
