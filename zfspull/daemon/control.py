"""The control socket: one request per connection, answers as they come. Nobody at the other end can hold the daemon up.

Everything is bounded: the clients, the request and the time it may take, the answers that wait for a slow reader. What
is asked is done by `Commands`; garbage is answered with an error and does nothing (P8).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zfspull.daemon.follow import Follower
from zfspull.daemon.protocol import (
    ALIVE_SECONDS,
    MAX_REQUEST_BYTES,
    Message,
    Parted,
    RequestError,
    encode,
    error_to_message,
    read_request,
)
from zfspull.errors import LocalResourceError, TransientError, ZfspullError
from zfspull.events import Event
from zfspull.log import log
from zfspull.observe.record import to_record


if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MAX_CLIENTS = 32
MAX_CONNECTIONS = 8 * MAX_CLIENTS
"""More than `MAX_CLIENTS` are told to come back when they ask; more than these are closed without a word."""
REQUEST_SECONDS = 10.0
WRITE_SECONDS = 30.0
GOODBYE_SECONDS = 1.0
SOCKET_MODE = 0o660


class Commands(Protocol):
    """What can be asked of the daemon."""

    async def answer(self, request: Message) -> object:
        """Do what `request` (checked by `protocol.read_request`) asks for.

        Returns:
            Something for JSON, or a `Follower` whose events are the answer and whose result, which may be `Parted`,
            ends it.

        Raises:
            ZfspullError: it can't be done; told to the client.
        """

    def queue(self) -> Message:
        """What runs and what waits."""


class ControlServer:
    """Listens on the control socket. Whoever makes one holds the daemon's lock, so an old socket is nobody's."""

    def __init__(self, path: Path, commands: Commands) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            LocalResourceError: it can't, and why.
        """
        try:
            listener = _bind(self._path)
        except OSError as error:
            raise LocalResourceError(
                f"can't listen on the control socket {self._path}: {error.strerror or error}",
                hint="the directory must exist and be writable for the daemon; systemd's RuntimeDirectory= sees to it",
                reason="control_socket",
            ) from error
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_REQUEST_BYTES)

    async def stop(self) -> None:
        """Listen no more, and leave those who are still connected."""
        if self._server is None:
            return
        self._server.close()
        if self._clients:  # those whose runs have just ended are about to be told so
            await asyncio.wait(self._clients, timeout=GOODBYE_SECONDS)
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        client = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="control client")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # drain() then means: all is in the kernel's hands
        try:
            async with contextlib.aclosing(self._answers(reader)) as answers:
                async for message in answers:
                    await _write(writer, message)
        except (OSError, TimeoutError):
            writer.transport.abort()  # the client is gone or does not read; what it asked for goes on
        except Exception:  # noqa: BLE001 - one client's trouble is its own
            log().exception("control.crashed", hint="this is a bug in zfspull; please report this line")
        finally:
            writer.close()

    def _refuse_crowd(self) -> None:
        if len(self._clients) > MAX_CLIENTS:
            raise TransientError(f"too many clients at once ({MAX_CLIENTS})", hint="try again later")

    async def _answers(self, reader: asyncio.StreamReader) -> AsyncGenerator[Message]:
        try:
            request = read_request(await _read_line(reader))
            self._refuse_crowd()  # not before: who is cut off while asking does not read why
            answer = await self._commands.answer(request)
            if isinstance(answer, Follower):
                yield {"waiting": self._commands.queue()}
                async for message in _follow(answer):
                    yield message
                answer = answer.result
            if isinstance(answer, Parted):
                for part in answer.parts:
                    yield {"part": part}
                answer = answer.rest
            yield _last(answer)
        except ZfspullError as error:
            yield error_to_message(error)
        except Exception as error:  # noqa: BLE001 - a bug is answered, and harms nobody else
            log().exception("control.failed", hint="this is a bug in zfspull; please report this line")
            yield error_to_message(_bug(error))


def _bug(error: BaseException) -> ZfspullError:
    text = f"bug in zfspull: {type(error).__name__}: {error}"
    return ZfspullError(text, hint="the daemon's log says where; please report it", reason="bug")


def _last(answer: object) -> Message:
    if isinstance(answer, ZfspullError):
        return error_to_message(answer)
    if isinstance(answer, BaseException):
        return error_to_message(_bug(answer))
    return {"result": to_record(answer) if isinstance(answer, Event) else answer}


async def _follow(follower: Follower) -> AsyncGenerator[Message]:
    while True:
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                event = await follower.next()
        except TimeoutError:
            yield {"alive": True}  # a write is the only way to notice that the client is gone
            continue
        if event is None:
            return
        yield {"event": to_record(event)}


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readline()
    except TimeoutError as error:
        raise RequestError(f"no request within {REQUEST_SECONDS:.0f} s") from error
    except ValueError as error:  # asyncio: "Separator is not found, and chunk exceed the limit"
        raise RequestError(f"the request is longer than {MAX_REQUEST_BYTES} bytes") from error
    if not line.endswith(b"\n"):
        raise RequestError("the request ended before the end of its line")
    return line


async def _write(writer: asyncio.StreamWriter, message: Message) -> None:
    writer.write(encode(message))
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()
    await asyncio.sleep(0)  # drain() does not wait for a reader who keeps up, who would have all turns of the loop


def _bind(path: Path) -> socket.socket:
    """A bound socket that only owner and group may open. Nobody can connect before it listens, thus after the chmod."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"there is a file in the way: {path}")
        path.unlink()
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        path.chmod(SOCKET_MODE)
    except BaseException:
        listener.close()
        raise
    return listener
