"""Talking to the daemon: what the command line uses. Every wait has a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zfspull.daemon.protocol import (
    ALIVE_SECONDS,
    MAX_ANSWER_BYTES,
    Message,
    decode,
    encode,
    error_from_message,
)
from zfspull.errors import PermanentError, ZfspullError
from zfspull.events import Event, RunFinished
from zfspull.observe.record import from_record


CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 4 * ALIVE_SECONDS
"""The daemon says something at least every `ALIVE_SECONDS` while it is followed."""
RELOAD_SECONDS = 120.0


class DaemonUnreachableError(ZfspullError):
    """There is no daemon, or it does not answer."""

    kind = "daemon_unreachable"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run that was asked for is queued.

    Attributes:
        running: jobs under way.
        queue: jobs that wait, this one included.
    """

    running: tuple[str, ...]
    queue: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """How a prune ended.

    Attributes:
        report: `{"destroyed": int, "skipped": [{"dataset", "name", "reason"}], "exceeded": {"message", "hint", "count",
            "limit"} | None, "datasets": [{"dataset", "destroy", "keep"}]}`; see `daemon.prunes.prune_reply`.
    """

    report: dict[str, Any]


async def connect(path: Path) -> Client:
    """A client of the daemon that listens on `path`.

    Raises:
        DaemonUnreachableError: no daemon answers there.
        PermanentError: this user may not talk to it.
    """
    client = Client(path)
    await client.ping()
    return client


class Client:
    """Asks things of the daemon, each over a connection of its own.

    All methods raise `DaemonUnreachableError` if it goes away or falls silent, and the daemon's own errors
    (`ZfspullError` and its kinds) if it can't do what was asked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ping(self) -> dict[str, Any]:
        """Who is there: `{"pid": int, "version": str, "protocol": int}`."""
        return _mapping(await self._ask({"command": "ping"}))

    async def status(self) -> dict[str, Any]:
        """`StatusBoard.snapshot`, with `daemon: {"pid", "version"}`."""
        return _mapping(await self._ask({"command": "status"}))

    async def reload(self) -> dict[str, Any]:
        """Load the configuration anew: `{"ok": bool, "jobs": int, "message": str}`; not ok means the old one stays."""
        return _mapping(await self._ask({"command": "reload"}, timeout_seconds=RELOAD_SECONDS))

    async def cancel(self, job: str) -> dict[str, Any]:
        """Stop the run of a job and take it off the queue: `{"waited": bool, "runs": bool}`, what was there to stop."""
        return _mapping(await self._ask({"command": "cancel", "job": job}))

    async def start(self, job: str) -> None:
        """Have a job run as soon as it may, without following it."""
        await self._ask({"command": "pull", "job": job})

    async def pull(self, job: str) -> AsyncIterator[Waiting | Event]:
        """Have a job run and follow it: `Waiting` first, then its events, of which the last is its `RunFinished`.

        Leaving the iteration early leaves the run alone.
        """
        last: Event | None = None
        async for message in self._answers({"command": "pull", "job": job, "follow": True}, SILENCE_SECONDS):
            if "result" in message:
                end = _event(message["result"])
                # A slow reader may have missed the event, or has it already.
                if not isinstance(last, RunFinished):
                    yield end
                return
            if (item := _item(message)) is not None:
                last = item if isinstance(item, Event) else last
                yield item

    async def prune(
        self, job: str, *, dry_run: bool = False, confirm: bool = False
    ) -> AsyncIterator[Waiting | Event | Pruned]:
        """Have a job's target thinned and follow it: events, then `Pruned`."""
        request = {"command": "prune", "job": job, "dry_run": dry_run, "confirm": confirm}
        async for message in self._answers(request, SILENCE_SECONDS):
            if "result" in message:
                yield Pruned(_mapping(message["result"]))
            elif (item := _item(message)) is not None and not isinstance(item, Waiting):
                yield item

    async def _ask(self, request: Message, *, timeout_seconds: float = SILENCE_SECONDS) -> object:
        result: object = None
        async for message in self._answers(request, timeout_seconds):
            result = message.get("result", result)
        return result

    async def _answers(self, request: Message, silence_seconds: float) -> AsyncIterator[Message]:
        reader, writer = await self._open()
        try:
            writer.write(encode(request))
            while True:
                try:
                    async with asyncio.timeout(silence_seconds):
                        line = await reader.readline()
                except TimeoutError as error:
                    raise self._unreachable(f"is silent for {silence_seconds:.0f} s") from error
                except (OSError, ValueError) as error:
                    raise self._unreachable(f"broke off: {error}") from error
                message = self._message(line)
                yield message
                if "result" in message:
                    return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _message(self, line: bytes) -> Message:
        if not line.endswith(b"\n"):
            raise self._unreachable("went away before it was done")
        try:
            message = decode(line)
        except ValueError as error:
            raise self._unreachable(f"answers no JSON ({error})") from error
        if "error" in message:
            raise error_from_message(message["error"])
        return message

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_unix_connection(os.fspath(self._path), limit=MAX_ANSWER_BYTES)
        except PermissionError as error:
            raise PermanentError(
                f"no permission to talk to the daemon at {self._path}", hint="run as root", reason="permission"
            ) from error
        except (OSError, TimeoutError) as error:
            raise self._unreachable(f"does not answer: {error}") from error

    def _unreachable(self, what: str) -> DaemonUnreachableError:
        return DaemonUnreachableError(
            f"the daemon at {self._path} {what}", hint="does it run? `systemctl status zfspull` tells"
        )


def _item(message: Message) -> Waiting | Event | None:
    if "event" in message:
        return _event(message["event"])
    waiting = message.get("waiting")
    if isinstance(waiting, dict):
        return Waiting(running=_names(waiting.get("running")), queue=_names(waiting.get("queue")))
    return None


def _event(record: object) -> Event:
    try:
        return from_record(record)
    except ValueError as error:
        hint = "are the command line and the daemon of the same version? restart the daemon after an upgrade"
        raise DaemonUnreachableError(f"the daemon speaks of something unknown: {error}", hint=hint) from error


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
