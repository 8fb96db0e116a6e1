"""A `zfs receive` under way in memory: the sink that it reads from, and how it ends."""

from __future__ import annotations

import asyncio

from zfspull.hosts.memory.faults import ReceiveFault
from zfspull.hosts.memory.receiving import Reception
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.hosts.ports import Ended


_READ_BYTES = 1500


class Intake:
    """It is its own `Receiving` and `Sink`, as the real child process is."""

    def __init__(self, reception: Reception, fault: ReceiveFault | None) -> None:
        self._reception = reception
        self._fault = fault
        self._left = fault.after_bytes if fault else None
        self._buffer = bytearray()
        self._eof = False
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._ended: Ended | None = None
        self._task = asyncio.create_task(self._work())

    @property
    def sink(self) -> Intake:
        """Its standard input."""
        return self

    def write(self, data: bytes) -> None:
        """Take `data`; once the receive has ended it is swallowed."""
        if self._ended is None and data:
            self._buffer += data
            self._empty.clear()
            self._news.set()

    @property
    def pending_bytes(self) -> int:
        """What was not read yet."""
        return len(self._buffer)

    async def drain(self) -> None:
        """Wait until everything was read, or nobody reads any more."""
        await self._empty.wait()

    @property
    def broken(self) -> bool:
        """Whether nobody reads any more."""
        return self._ended is not None

    async def ended(self) -> Ended:
        """Wait for the end."""
        return await asyncio.shield(self._task)

    async def finish(self) -> Ended:
        """Say that the stream is complete, and wait for the end."""
        self._eof = True
        self._news.set()
        return await self.ended()

    async def stop(self) -> None:
        """End it: what was not read yet is lost, as in a broken pipe."""
        self._buffer.clear()
        await self.finish()

    async def _work(self) -> Ended:
        try:
            self._ended = await self._read_on()
        except ZfsSaysError as said:
            self._ended = Ended(said.status, said.text + "\n")
        finally:
            killed = self._left is not None and self._left <= 0
            self._reception.close(power_cut=killed and self._fault is not None and self._fault.power_cut)
            self._buffer.clear()
            self._empty.set()
        return self._ended

    async def _read_on(self) -> Ended:
        while True:
            await asyncio.sleep(0)
            if self._buffer:
                size = _READ_BYTES if self._left is None else min(_READ_BYTES, self._left)
                piece = bytes(self._buffer[:size])
                del self._buffer[:size]
                self._reception.feed(piece)
                if self._left is not None:
                    self._left -= len(piece)
                    if self._left <= 0:
                        return Ended(-9, "")
            elif self._eof:
                self._reception.end_of_stream()
                return Ended(0, "")
            else:
                self._empty.set()
                self._news.clear()
                await self._news.wait()
