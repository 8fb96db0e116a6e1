"""A child process that is fed a stream on its standard input: a `zfs receive` under way."""

from __future__ import annotations

import asyncio
import fcntl
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from zfspull.errors import ZfspullError
from zfspull.hosts.ports import Ended
from zfspull.hosts.process import POLITE_SECONDS, heed, is_permitted, leave, spawn, to_the_end
from zfspull.hosts.tail import Tail


_PIPE_BYTES = 1 << 20
"""As much as is read at once, and all that an ordinary user may have: with 64 KiB, the default, the two ends wake each
other much more often. Of what lies in it the watchdog can't see whether it is taken: a receiver that takes less than
this within the stall timeout, ten minutes unless configured, counts as stalled."""
_LAST_WORDS_SECONDS = 1.0
"""How long what a child left behind may keep its standard error open after the child has ended."""


class FedProcess(asyncio.SubprocessProtocol):
    """A child that is fed a stream on its standard input; it is its own `Receiving` and `Sink`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stdin: asyncio.WriteTransport | None = None
        self._stderr = Tail()
        self._exited: asyncio.Future[Ended] = self._loop.create_future()
        self._broken = False
        self._empty = asyncio.Event()
        self._empty.set()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The child runs: every byte that it does not take at once counts as pending."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101 - the loop's own promise
        stdin = transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)  # noqa: S101 - it was spawned with a pipe
        stdin.set_write_buffer_limits(high=0, low=0)
        self._stdin = stdin
        self._transport = transport
        # Where the system does not allow so much it stays as it is; that of a child that has ended already is closed.
        with suppress(OSError, ValueError):
            fcntl.fcntl(stdin.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def pause_writing(self) -> None:
        """The pipe is full."""
        self._empty.clear()

    def resume_writing(self) -> None:
        """Everything pending went into the pipe."""
        self._empty.set()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """The child said something on standard error."""
        if fd != 0:
            self._stderr.add(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """The child closed a pipe; with its standard input closed, nobody reads the stream any more."""
        del exc
        if fd == 0:
            self._broken = True
            self._empty.set()

    def process_exited(self) -> None:
        """The child has ended; should another process hold its pipes, they are not waited for much longer."""
        self._loop.call_later(_LAST_WORDS_SECONDS, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """The child has ended and all its pipes are closed."""
        del exc
        self._broken = True
        self._empty.set()
        if not self._exited.done():
            self._exited.set_result(Ended(self._transport.get_returncode(), self._stderr.text()))

    # Sink.

    @property
    def sink(self) -> FedProcess:
        """Its standard input."""
        return self

    def write(self, data: bytes) -> None:
        """Hand `data` to the child's standard input."""
        if not self._broken and self._stdin is not None:
            self._stdin.write(data)

    @property
    def pending_bytes(self) -> int:
        """What did not fit into the pipe yet."""
        return 0 if self._broken or self._stdin is None else self._stdin.get_write_buffer_size()

    async def drain(self) -> None:
        """Wait until the pipe has taken everything, or nobody reads it any more."""
        await self._empty.wait()

    @property
    def broken(self) -> bool:
        """Whether the child has closed its standard input."""
        return self._broken

    # Receiving.

    async def ended(self) -> Ended:
        """Wait until the child has ended."""
        return await asyncio.shield(self._exited)

    async def finish(self) -> Ended:
        """Close the child's standard input once it has taken everything, and wait for its end."""
        await self.drain()
        self._close_stdin()
        return await self.ended()

    def _close_stdin(self) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.close()

    async def stop(self, patience_seconds: float) -> str:
        """End the child: let it see the end of the stream, then terminate, then kill it.

        Returns:
            "" if it has ended, else what is to be told of it.
        """
        if self._stdin is not None and self.pending_bytes:
            self._stdin.abort()
        self._close_stdin()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if self._exited.done() or not (number is None or is_permitted(self._transport, number)):
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await self.ended()
        return leave(self._transport)


@asynccontextmanager
async def feed(argv: Sequence[str], *, patience_seconds: float = POLITE_SECONDS) -> AsyncIterator[FedProcess]:
    """A child process to be fed; leaving the context ends and reaps it, whatever happened inside.

    Args:
        argv: the command.
        patience_seconds: how long it may take to end after its input ended, then after SIGTERM, then after SIGKILL.

    Raises:
        PermanentError: if it can't be started.
    """
    (_, child), cancelled = await to_the_end(spawn(FedProcess, argv, stdin=asyncio.subprocess.PIPE))
    try:
        heed(cancelled)
        yield child
    except BaseException as error:
        left, cancelled = await to_the_end(child.stop(patience_seconds))
        heed(cancelled)
        if isinstance(error, ZfspullError):
            error.message += left
        raise
    _, cancelled = await to_the_end(child.stop(patience_seconds))
    heed(cancelled)
