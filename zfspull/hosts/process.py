"""Commands on this machine, run to their end. Only this module and `feeding` spawn processes.

Every process runs with LC_ALL=C, since error texts are classified, and none inherits our standard input. Output is
bounded; a process that outlives its time is ended, first politely.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from zfspull.errors import LocalResourceError, PermanentError
from zfspull.hosts.tail import Tail


MAX_OUTPUT_BYTES = 256 << 20
_READ_BYTES = 1 << 18
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
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
    except OSError as error:
        raise cannot_start(argv, error) from error
    tail = Tail()
    try:
        async with asyncio.timeout(timeout_seconds):
            output, _, status = await asyncio.gather(
                _read(process, max_output_bytes), _drain(process.stderr, tail), process.wait()
            )
    except TimeoutError as error:
        raise LocalResourceError(
            f"`{' '.join(argv[:6])}` did not end within {timeout_seconds:.0f} s",
            hint="is the pool suspended or very busy? see `zpool status`",
            reason="timeout",
        ) from error
    finally:
        await _end(process)
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


async def _read(process: asyncio.subprocess.Process, max_bytes: int) -> bytes | None:
    """All that the process prints; None if that is too much, and then the process is told to end."""
    chunks: list[bytes] = []
    size = 0
    while process.stdout is not None and (chunk := await process.stdout.read(_READ_BYTES)):
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
        elif chunks:
            chunks.clear()
            with suppress(ProcessLookupError):
                process.terminate()
    return b"".join(chunks) if size <= max_bytes else None


async def _drain(stream: asyncio.StreamReader | None, tail: Tail) -> None:
    while stream is not None and (chunk := await stream.read(_READ_BYTES)):
        tail.add(chunk)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Make sure that the process has ended and was reaped; one that hangs in the kernel can only be left behind."""
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            end()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLITE_SECONDS):
                await process.wait()
