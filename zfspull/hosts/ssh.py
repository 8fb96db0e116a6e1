"""One SSH connection per host with many channels.

Only this module, `login`, `session`, `burst` and `spare` import asyncssh; errors leave as ours, raised from asyncssh's.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import asyncssh

from zfspull.errors import TransientError
from zfspull.hosts.burst import shorten
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.login import Login
from zfspull.hosts.ports import Ended, Sink
from zfspull.hosts.process import MAX_OUTPUT_BYTES, Completed
from zfspull.hosts.session import OutputSession, StreamSession
from zfspull.hosts.spare import Spare


_ENCRYPTION = (
    # AES in hardware carries twice what chacha20-poly1305 does, which asyncssh would choose (measured on loopback).
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
_WINDOW_BYTES = 2 << 20
_PACKET_BYTES = 32 << 10
_MISSED_KEEPALIVES = 3
_CLOSE_SECONDS = 5.0
_CHANNELS = 8
"""sshd allows 10 sessions on a connection (MaxSessions), and counts one until its command has really ended. Another is
the spare one."""
_STREAM_CHANNELS = 6
"""Streams last for hours: they leave room for the commands of other jobs."""

_LANGUAGE = "env LC_ALL=C "
"""Before each command: error texts are classified."""

_AnySession = TypeVar("_AnySession", OutputSession, StreamSession)


class Connection:
    """A connection that is made when needed, kept, and made again after it was lost.

    Args:
        login: the host.
        via: the connection of the jump host, if the way leads over one.
    """

    def __init__(self, login: Login, *, via: Connection | None = None) -> None:
        self.login = login
        self._via = via
        self._connected: asyncssh.SSHClientConnection | None = None
        self._spare: Spare | None = None
        self._lock = asyncio.Lock()
        self._channels = asyncio.Semaphore(_CHANNELS)
        self._stream_channels = asyncio.Semaphore(_STREAM_CHANNELS)

    async def run(
        self, words: Sequence[str], *, timeout_seconds: float, max_output_bytes: int = MAX_OUTPUT_BYTES
    ) -> Completed:
        """Run a command to its end.

        Raises:
            TransientError: the host can't be reached, the connection is lost, or the command takes too long.
            PermanentError: the login or the host key is refused.
        """
        return await self.run_in_turn([words], timeout_seconds=timeout_seconds, max_output_bytes=max_output_bytes)

    async def run_in_turn(
        self,
        commands: Sequence[Sequence[str]],
        *,
        timeout_seconds: float,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
    ) -> Completed:
        """Run commands one after the other until one fails, over one channel, as `run` does one.

        The status is that of the last one that ran.
        """
        told = command_line(commands)
        async with self._channels:
            session = await self._open(told, OutputSession(max_output_bytes))
            try:
                async with asyncio.timeout(timeout_seconds):
                    with self.login.translated():
                        return await session.completed()
            except TimeoutError as error:
                message = f"`{told.removeprefix(_LANGUAGE)[:80]}` did not end within {timeout_seconds:.0f} s"
                raise TransientError(message, host=self.login.host, reason="timeout") from error
            finally:
                session.close()

    async def stream(
        self, words: Sequence[str], sink: Sink, *, limiter: Limiter | None, on_stderr: Callable[[str], None]
    ) -> Ended:
        """Run a command and stream what it prints into `sink`; that the command fails is no error here.

        Args:
            words: the command.
            sink: where its output goes.
            limiter: the host's rate limit, if it has one.
            on_stderr: called with what the command has said so far, each time it says something.

        Raises:
            TransientError: the host can't be reached, or the connection is lost.
            PermanentError: the login or the host key is refused.
        """
        window = _WINDOW_BYTES
        if limiter is not None:
            window = max(2 * _PACKET_BYTES, min(window, limiter.bytes_per_second // 4))
        async with self._stream_channels, self._channels:
            told = StreamSession(sink, window, limiter=limiter, on_stderr=on_stderr)
            session = await self._open(command_line([words]), told, window)
            try:
                with self.login.translated():
                    return await session.ended()
            finally:
                session.close()

    async def aclose(self) -> None:
        """End the connection and everything that runs over it."""
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connected.wait_closed()

    async def _open(self, line: str, session: _AnySession, window_bytes: int = _WINDOW_BYTES) -> _AnySession:
        connected = await self._connect()
        opening = asyncio.ensure_future(self._start(connected, line, session, window_bytes))
        try:
            with self.login.translated():
                async with asyncio.timeout(self.login.connect_timeout_seconds):
                    await asyncio.shield(opening)
        except BaseException:
            # Whoever asked is gone, but the host may still start the command: it must not run on unheard.
            opening.add_done_callback(lambda _: session.close())
            raise
        return session

    async def _start(
        self, connected: asyncssh.SSHClientConnection, line: str, session: _AnySession, window_bytes: int
    ) -> None:
        """Start a command, in the spare channel if there is one and its window fits."""
        spare = self._spare
        if not (spare and window_bytes == _WINDOW_BYTES and await spare.start(line, session)):
            await connected.create_session(
                lambda: session, line, encoding=None, window=window_bytes, max_pktsize=_PACKET_BYTES
            )
        if spare:
            spare.prepare()

    async def _connect(self) -> asyncssh.SSHClientConnection:
        async with self._lock:
            if self._connected is not None and not self._connected.is_closed():
                return self._connected
            login = self.login
            for what, path in (("key", login.key), ("known_hosts file", login.known_hosts)):
                if not (path.is_file() and os.access(path, os.R_OK)):
                    raise login.permanent(
                        f"the {what} {path} of host {login.host} can't be read",
                        "see `key` and `known_hosts` of the host in zfspull.yaml; for a new key restart the daemon",
                        "login",
                    )
            tunnel = await self._via._connect() if self._via is not None else None  # noqa: SLF001 - one of us
            with self.login.translated():
                async with asyncio.timeout(login.connect_timeout_seconds):
                    self._connected = await asyncssh.connect(
                        login.address,
                        login.port,
                        tunnel=tunnel or (),
                        username=login.user,
                        client_keys=[str(login.key)],
                        known_hosts=str(login.known_hosts),
                        encryption_algs=_ENCRYPTION,
                        compression_algs=["none"],
                        preferred_auth="publickey",
                        config=None,
                        agent_path=None,
                        keepalive_interval=login.keepalive_interval_seconds,
                        keepalive_count_max=_MISSED_KEEPALIVES,
                    )
                shorten(self._connected)
                self._spare = Spare(self._connected, window_bytes=_WINDOW_BYTES, packet_bytes=_PACKET_BYTES)
            return self._connected


def command_line(commands: Sequence[Sequence[str]]) -> str:
    """What the login's shell is given: every word is one there, and nothing in it means anything to the shell."""
    return " && ".join(_LANGUAGE + shlex.join(words) for words in commands)
