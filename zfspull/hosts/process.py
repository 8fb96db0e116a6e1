"""Commands on this machine, run to their end. Only this module and `feeding` spawn processes.

Every process runs with LC_ALL=C, since error texts are classified, and none inherits our standard input. Output is
bounded; a process that outlives its time is ended, first politely. One that sudo started belongs to root, and may not
be signalled: its pipes are closed, so that it meets their end, and that it runs on is told.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from zfspull.errors import LocalResourceError, PermanentError
from zfspull.hosts.tail import Tail


MAX_OUTPUT_BYTES = 256 << 20
_READ_BYTES = 1 << 18
_UNREAD_BYTES = 1 << 16
POLITE_SECONDS = 10.0


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


def environment() -> dict[str, str]:
    """The environment of every process: ours, but in the language that error texts are classified in."""
    return {**os.environ, "LC_ALL": "C"}


async def run(argv: Sequence[str], *, timeout_seconds: float, max_output_bytes: int = MAX_OUTPUT_BYTES) -> Completed:
    """Run a command to its end.

    Raises:
        PermanentError: if it can't be started.
        LocalResourceError: if it takes longer than `timeout_seconds`, or prints more than `max_output_bytes`.
    """
    loop = asyncio.get_running_loop()
    try:
        # As `asyncio.create_subprocess_exec` does it, which keeps the transport to itself.
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(_UNREAD_BYTES, loop),
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
    except OSError as error:
        raise cannot_start(argv, error) from error
    process = Process(transport, protocol, loop)
    tail = Tail()
    try:
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


def cannot_start(argv: Sequence[str], error: OSError) -> PermanentError:
    """The error for a command that can't be started."""
    return PermanentError(
        f"cannot run {argv[0]!r}: {error.strerror}", hint="set `target.zfs` to the full path of zfs(8)", reason="no_zfs"
    )


def is_permitted(end: Callable[[], None]) -> bool:
    """Send a child a signal; False if that is not permitted. To one that has ended already it does nothing."""
    try:
        end()
    except PermissionError:
        return False
    except ProcessLookupError:
        pass
    return True


def leave(transport: asyncio.SubprocessTransport) -> str:
    """Close all pipes to a child; returns "" if it has ended, else what is to be told of it."""
    with suppress(PermissionError):  # pipes first; then it kills what still runs
        transport.close()
    return (
        "" if transport.get_returncode() is not None else f"; process {transport.get_pid()} can't be ended, and runs on"
    )


async def _read(
    stream: asyncio.StreamReader | None, transport: asyncio.SubprocessTransport, max_bytes: int
) -> bytes | None:
    """All that the process prints; None if that is too much, and then it is told to end, and nobody listens."""
    chunks: list[bytes] = []
    size = 0
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        size += len(chunk)
        if size > max_bytes:
            is_permitted(transport.terminate)
            if pipe := transport.get_pipe_transport(1):
                pipe.close()
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _drain(stream: asyncio.StreamReader | None, tail: Tail) -> None:
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        tail.add(chunk)


async def _end(process: Process, transport: asyncio.SubprocessTransport) -> str:
    """Make sure that the process has ended and was reaped, or is left behind; returns what is to be told of that."""
    try:
        for end in (transport.terminate, transport.kill):
            if process.returncode is not None or not is_permitted(end):
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(POLITE_SECONDS):
                    await process.wait()
    finally:  # whoever is cancelled meanwhile leaves no pipes open either
        left = leave(transport)
    return left
