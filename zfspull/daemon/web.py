"""Where HTTP is served: moved when the configuration says so, and moved back when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from zfspull.errors import ZfspullError
from zfspull.log import log


if TYPE_CHECKING:
    from zfspull.config.schema import Http

Place = tuple[str, int]


class Listener(Protocol):
    """What listens."""

    async def cleanup(self) -> None:
        """Listen no more."""


class Web:
    """The HTTP listener, or none."""

    def __init__(self, listen: Callable[[str, int], Awaitable[Listener]]) -> None:
        """Args: `listen` takes address and port, and raises `LocalResourceError`."""
        self._listen = listen
        self._place: Place | None = None
        self._listener: Listener | None = None

    async def move(self, http: Http | None) -> None:
        """Listen where `http` says; nothing happens if that is where it listens.

        Raises:
            LocalResourceError: it can't; it listens where it did before.
        """
        place = (http.address, http.port) if http is not None and http.enabled else None
        before = self._place
        if place == before:
            return
        # The old listener goes first: 0.0.0.0:9797 can't be bound while 127.0.0.1:9797 is.
        await self._settle(None)
        try:
            await self._settle(place)
        except BaseException:
            await self._return_to(before)
            raise

    async def stop(self) -> None:
        """Listen no more."""
        await self._settle(None)

    async def _settle(self, place: Place | None) -> None:
        if self._listener is not None:
            listener, self._listener, self._place = self._listener, None, None
            await listener.cleanup()
        if place is not None:
            self._listener, self._place = await self._listen(*place), place

    async def _return_to(self, place: Place | None) -> None:
        try:
            await self._settle(place)
        except ZfspullError as error:
            log().error("http.lost", error=str(error), hint="nothing is served until a reload succeeds")
