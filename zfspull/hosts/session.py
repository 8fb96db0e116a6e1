"""What happens in one channel of an SSH connection: collect a command's output, or stream it into a sink.

Flow control, measured and read in asyncssh 2.24: whenever a channel's window is less than half open, the delivery of
one packet opens it wholly, whatever still waits in the channel's buffer. A session that pauses reading before that
buffer has run empty is therefore sent another window each time, and the buffer grows with the bytes moved. So a session
may pause again only after a whole window was delivered since it last resumed, and must resume only when its sink has
taken everything. Then no more than two windows are ever in memory.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import asyncssh

from zfspull.errors import PermanentError, TransientError, ZfspullError
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.ports import Ended, Sink
from zfspull.hosts.process import Completed
from zfspull.hosts.tail import Tail


class _Session(asyncssh.SSHClientSession[bytes]):
    """What both kinds have in common: standard error, exit status and the end.

    Attributes:
        was_cut_off: whether its channel was closed under the command; when that ends, if ever, is not learnt.
    """

    def __init__(self) -> None:
        self._chan: asyncssh.SSHClientChannel[bytes] | None = None
        self._stderr = Tail()
        self._status: int | None = None
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.was_cut_off = False

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open."""
        self._chan = chan

    @property
    def was_opened(self) -> bool:
        """Whether it ever had a channel."""
        return self._chan is not None

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """The command printed something."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._stderr.add(data)
            self._heard(self._stderr)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        raise NotImplementedError

    def _heard(self, stderr: Tail) -> None:
        """The command said something on standard error."""

    def exit_status_received(self, status: int) -> None:
        """The command ended by itself."""
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: FBT001
        """The command was ended by a signal."""
        del core_dumped, msg, lang
        self._status = -_SIGNALS.get(signal, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed, in order or with the whole connection."""
        if self._ended.done():
            return
        if exc is not None and self._status is None:
            self._fail(TransientError(f"the connection was lost: {exc}", reason="connection_lost"))
        else:
            self._ended.set_result(Ended(self._status, self._stderr.text()))

    def _fail(self, error: ZfspullError) -> None:
        self._ended.set_exception(error)
        self._ended.exception()  # an end that nobody awaits any more is no news

    def close(self) -> None:
        """End the command if it still runs: its channel is closed under it."""
        if self._chan is not None and not self._ended.done():
            self.was_cut_off = True
            self._chan.abort()


_SIGNALS = {name.name.removeprefix("SIG"): name.value for name in signal.Signals}


class OutputSession(_Session):
    """Collects all that a command prints, up to a bound."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._max_bytes:
            self._chunks.append(data)
        elif not self._ended.done():
            self._chunks.clear()
            self.close()
            self._fail(
                PermanentError(
                    f"a command printed more than {self._max_bytes} bytes, and was ended",
                    hint="zfs(8) never prints that much: look what answers there, and see `zfs:` of the host",
                    reason="too_much",
                )
            )

    async def completed(self) -> Completed:
        """What the command printed and how it ended.

        Raises:
            TransientError: if the connection was lost before the end.
            PermanentError: if it printed more than it may.
        """
        ended = await asyncio.shield(self._ended)
        if ended.status is None:
            raise TransientError("the connection was lost", reason="connection_lost")
        output = b"".join(self._chunks)
        self._chunks.clear()  # a listing may be large: it is not to be there three times
        return Completed(ended.status, output.decode(errors="surrogateescape"), ended.stderr)


class StreamSession(_Session):
    """Streams what a command prints into a sink, no faster than the sink takes it and the limiter allows."""

    def __init__(
        self, sink: Sink, window_bytes: int, *, limiter: Limiter | None, on_stderr: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._sink = sink
        self._window_bytes = window_bytes
        self._limiter = limiter
        self._on_stderr = on_stderr
        self._since_resume = 0
        self._pump: asyncio.Task[None] | None = None

    def _heard(self, stderr: Tail) -> None:
        # What is worth hearing comes first; a flood of single bytes must not cost a look at all before it for each.
        if not stderr.overflowed:
            self._on_stderr(stderr.text())

    def _take(self, data: bytes) -> None:
        self._sink.write(data)
        self._since_resume += len(data)
        if self._since_resume >= self._window_bytes and (self._sink.pending_bytes or self._limiter) and self._chan:
            self._chan.pause_reading()
            self._pump = asyncio.create_task(self._resume(self._since_resume))
            self._since_resume = 0

    async def _resume(self, passed_bytes: int) -> None:
        if self._limiter is not None:
            await self._limiter.pay(passed_bytes)
        await self._sink.drain()
        if self._chan is not None and not self._ended.done():
            self._chan.resume_reading()

    def eof_received(self) -> bool:
        """The command closed its output."""
        return False

    async def ended(self) -> Ended:
        """Wait until the command has ended and the sink has taken all of its output."""
        try:
            ended = await asyncio.shield(self._ended)
            await self._sink.drain()
        finally:
            if self._pump is not None:
                self._pump.cancel()
        return ended
