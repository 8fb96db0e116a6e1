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
    Parted,
    decode,
    encode,
    error_from_message,
)
from zfspull.daemon.prune_reply import put_together
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


class DaemonAbsentError(DaemonUnreachableError):
    """Nobody listens: there is no daemon."""


class AnswerTooLongError(ZfspullError):
    """The daemon answers, with more than is read."""


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
        report: in the documented shape, see `prune_reply`.
    """

    report: dict[str, Any]


async def connect(path: Path) -> Client:
    """A client of the daemon that listens on `path`.

    Raises:
        DaemonAbsentError: there is no daemon.
        DaemonUnreachableError: there is one, and it does not answer.
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
        parts: list[object] = []
        async for message in self._answers(request, SILENCE_SECONDS):
            if "result" in message:
                yield Pruned(_report(Parted(parts, _mapping(message["result"]))))
            elif "part" in message:
                parts.append(message["part"])
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
                except ValueError as error:  # asyncio: "Separator is not found, and chunk exceed the limit"
                    raise AnswerTooLongError(
                        f"the daemon's answer is longer than {MAX_ANSWER_BYTES} bytes",
                        hint="the daemon runs, and what was asked for was done; its log tells",
                    ) from error
                except OSError as error:
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
        except TimeoutError as error:
            raise self._unreachable(f"does not answer: no connection within {CONNECT_SECONDS:.0f} s") from error
        except OSError as error:
            raise self._unreachable(f"does not answer: {error}", DaemonAbsentError) from error

    def _unreachable(
        self, what: str, kind: type[DaemonUnreachableError] = DaemonUnreachableError
    ) -> DaemonUnreachableError:
        return kind(f"the daemon at {self._path} {what}", hint="does it run? `systemctl status zfspull` tells")


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
        raise _unknown(error) from error


def _report(told: Parted) -> dict[str, Any]:
    try:
        return put_together(told)
    except ValueError as error:
        raise _unknown(error) from error


def _unknown(error: ValueError) -> DaemonUnreachableError:
    hint = "are the command line and the daemon of the same version? restart the daemon after an upgrade"
    return DaemonUnreachableError(f"the daemon speaks of something unknown: {error}", hint=hint)


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
