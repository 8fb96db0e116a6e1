"""Commands on this machine, run to their end. Only this module and `feeding` spawn processes.

Every process runs with LC_ALL=C, since error texts are classified, and none inherits our standard input. Output is
bounded; a process that outlives its time is ended, first politely. One that sudo started belongs to root, and may not
be signalled: its pipes are closed, so that it meets their end, and that it runs on is told.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import SubprocessTransport as Transport
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from zfspull.errors import LocalResourceError, PermanentError
from zfspull.hosts.tail import Tail


MAX_OUTPUT_BYTES = 256 << 20
_READ_BYTES = 1 << 18
_UNREAD_BYTES = 1 << 16
POLITE_SECONDS = 10.0
_T = TypeVar("_T")
_P = TypeVar("_P", bound=asyncio.SubprocessProtocol)


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command printed and how it ended."""

    status: int | None
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0


def _environment() -> dict[str, str]:
    """The environment of every process: ours, but in the language that error texts are classified in."""
    return {**os.environ, "LC_ALL": "C"}


async def run(argv: Sequence[str], *, timeout_seconds: float, max_output_bytes: int = MAX_OUTPUT_BYTES) -> Completed:
    """Run a command to its end.

    Raises:
        PermanentError: if it can't be started.
        LocalResourceError: if it takes longer than `timeout_seconds`, or prints more than `max_output_bytes`.
    """
    loop = asyncio.get_running_loop()
    # As `asyncio.create_subprocess_exec` does it, which keeps the transport to itself.
    reads = partial(SubprocessStreamProtocol, _UNREAD_BYTES, loop)
    (transport, protocol), cancelled = await to_the_end(spawn(reads, argv, stdin=asyncio.subprocess.DEVNULL))
    process = Process(transport, protocol, loop)
    tail = Tail()
    try:
        heed(cancelled)
        async with asyncio.timeout(timeout_seconds):
            output, _, status = await asyncio.gather(
                _read(process.stdout, transport, max_output_bytes), _drain(process.stderr, tail), process.wait()
            )
    except TimeoutError as error:
        left = await _end(process, transport)
        raise LocalResourceError(
            f"`{' '.join(argv[:6])}` did not end within {timeout_seconds:.0f} s{left}",
            hint="is the pool suspended or very busy? see `zpool status`",
            reason="timeout",
        ) from error
    except BaseException:
        await _end(process, transport)
        raise
    if output is None:
        raise LocalResourceError(
            f"`{' '.join(argv[:6])}` printed more than {max_output_bytes} bytes", reason="too_much"
        )
    return Completed(status, output.decode(errors="surrogateescape"), tail.text())


async def spawn(protocol: Callable[[], _P], argv: Sequence[str], *, stdin: int) -> tuple[Transport, _P]:
    """Start a command with pipes for its output; to be awaited `to_the_end`, or else asyncio ends a child half made.

    Raises:
        PermanentError: if it can't be started.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.get_running_loop().subprocess_exec(
            protocol, *argv, stdin=stdin, stdout=pipe, stderr=pipe, env=_environment()
        )
    except OSError as error:
        raise PermanentError(
            f"cannot run {argv[0]!r}: {error.strerror}",
            hint="set `target.zfs` to the full path of zfs(8)",
            reason="no_zfs",
        ) from error


async def to_the_end(work: Coroutine[Any, Any, _T]) -> tuple[_T, asyncio.CancelledError | None]:
    """Do `work` however often we are cancelled meanwhile; returns its result, and what is then to be heeded.

    Raises:
        CancelledError: if we were cancelled and it failed.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and (failed := task.exception()):
        raise cancelled from failed
    return task.result(), cancelled


def heed(cancelled: asyncio.CancelledError | None) -> None:
    """Be cancelled, if we were meanwhile."""
    if cancelled is not None:
        raise cancelled


def is_permitted(transport: Transport, number: signal.Signals) -> bool:
    """Send a child a signal; False if that is not permitted. To one that has ended already it does nothing.

    Python reaps a child that it finds ended when it is to send a signal. Whoever waits for the child then gets a
    status of 255, and the log a complaint; so whether it has ended is looked at first, without reaping.
    """
    try:
        if os.waitid(os.P_PID, transport.get_pid() or 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            transport.send_signal(number)
    except PermissionError:
        return False
    except (ChildProcessError, ProcessLookupError):
        pass
    return True


def leave(transport: Transport) -> str:
    """Close all pipes to a child; returns "" if it has ended, else what is to be told of it."""
    with suppress(PermissionError):  # pipes first; then it kills what still runs
        transport.close()
    return (
        "" if transport.get_returncode() is not None else f"; process {transport.get_pid()} can't be ended, and runs on"
    )


async def _read(stream: asyncio.StreamReader | None, transport: Transport, max_bytes: int) -> bytes | None:
    """All that the process prints; None if that is too much, and then it is told to end, and nobody listens."""
    chunks: list[bytes] = []
    size = 0
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        size += len(chunk)
        if size > max_bytes:
            is_permitted(transport, signal.SIGTERM)
            if pipe := transport.get_pipe_transport(1):
                pipe.close()
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _drain(stream: asyncio.StreamReader | None, tail: Tail) -> None:
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        tail.add(chunk)


async def _end(process: Process, transport: Transport) -> str:
    """Make sure that the process has ended and was reaped, or is left behind; returns what is to be told of that."""
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None or not is_permitted(transport, number):
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(POLITE_SECONDS):
                    await process.wait()
    finally:  # whoever is cancelled meanwhile leaves no pipes open either
        left = leave(transport)
    return left
