"""A way between two machines that can be long, narrow, or a black hole that takes everything and passes nothing on."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress


_READ_BYTES = 1 << 18
_SLOW_READ_BYTES = 1 << 14


class Proxy:
    """Forwards TCP connections from `port` to a port of 127.0.0.1 until it is told to swallow."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay_seconds = 0.0
        self._bytes_per_second: float | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._copy(source, sink))
            self._tasks.add(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_READ_BYTES if self._bytes_per_second is None else _SLOW_READ_BYTES):
                await self._open.wait()
                await asyncio.sleep(self._delay_seconds + len(data) / (self._bytes_per_second or math.inf))
                writer.write(data)
                await writer.drain()
            writer.close()

    def swallow(self) -> None:
        """From now on nothing passes."""
        self._open.clear()

    def lengthen(self, seconds: float) -> None:
        """From now on what is sent takes so long in each direction."""
        self._delay_seconds = seconds

    def narrow(self, bytes_per_second: float) -> None:
        """From now on no more than so much passes in each direction, steadily."""
        self._bytes_per_second = bytes_per_second

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()
