"""One SSH connection per host with many channels.

Only `link`, `login`, `session`, `burst` and `spare` import asyncssh; errors leave as ours, raised from asyncssh's.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from zfspull.config.values import MOST_STREAMS
from zfspull.errors import TransientError
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.link import PACKET_BYTES, WINDOW_BYTES, Left, Link, NoRoomError
from zfspull.hosts.login import Login
from zfspull.hosts.ports import Ended, Sink
from zfspull.hosts.process import MAX_OUTPUT_BYTES, Completed
from zfspull.hosts.session import OutputSession, StreamSession
from zfspull.hosts.spare import unheeded


_CHANNELS = 8
"""sshd allows 10 sessions on a connection (MaxSessions), and counts one until its command has really ended. Another is
the spare one."""
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
        self._link: Link | None = None
        self._left = Left()
        self._lock = asyncio.Lock()
        self._channels = asyncio.Semaphore(_CHANNELS)
        self._stream_channels = asyncio.Semaphore(MOST_STREAMS)

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
        session = OutputSession(max_output_bytes)
        async with self._channels, self._started(told, session):
            try:
                async with asyncio.timeout(timeout_seconds):
                    with self.login.translated():
                        return await session.completed()
            except TimeoutError as error:
                message = f"`{told.removeprefix(_LANGUAGE)[:80]}` did not end within {timeout_seconds:.0f} s"
                raise TransientError(message, host=self.login.host, reason="timeout") from error

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
        window = WINDOW_BYTES
        if limiter is not None:
            window = max(2 * PACKET_BYTES, min(window, limiter.bytes_per_second // 4))
        session = StreamSession(sink, window, limiter=limiter, on_stderr=on_stderr)
        async with self._stream_channels, self._channels, self._started(command_line([words]), session, window):
            with self.login.translated():
                return await session.ended()

    async def aclose(self) -> None:
        """End the connection and everything that runs over it."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        await self._left.close()

    @asynccontextmanager
    async def _started(self, line: str, session: _AnySession, window_bytes: int = WINDOW_BYTES) -> AsyncIterator[None]:
        """A command that was started; leaving the context ends it."""
        link = await self._connect()
        try:
            await self._start(link, line, session, window_bytes)
        except NoRoomError:
            # Only before anything was started, and only once: a host that has no room at all is not stormed.
            if not (link.is_left or self._leave(link)):
                raise
            link = await self._connect()
            await self._start(link, line, session, window_bytes)
        try:
            yield
        finally:
            self._end(link, session)

    async def _start(self, link: Link, line: str, session: _AnySession, window_bytes: int) -> None:
        opening = asyncio.ensure_future(link.start(line, session, window_bytes))
        try:
            with self.login.translated():
                async with asyncio.timeout(self.login.connect_timeout_seconds):
                    await asyncio.shield(opening)
        except BaseException:
            if opening.done():
                self._end(link, session)
            else:  # whoever asked is gone, but the host may still start the command: it must not run on unheard
                opening.add_done_callback(lambda _: self._end(link, session))
                opening.add_done_callback(unheeded)
            raise

    def _end(self, link: Link, session: _AnySession) -> None:
        link.end(session)
        self._left.look()

    def _leave(self, link: Link) -> bool:
        """Have others take a fresh connection, if that may be of use."""
        if not self._left.take(link):
            return False
        if self._link is link:
            self._link = None
        return True

    async def _connect(self) -> Link:
        async with self._lock:
            if self._link is not None and not self._link.is_closed:
                return self._link
            login = self.login
            for what, path in (("key", login.key), ("known_hosts file", login.known_hosts)):
                if not (path.is_file() and os.access(path, os.R_OK)):
                    raise login.permanent(
                        f"the {what} {path} of host {login.host} can't be read",
                        "see `key` and `known_hosts` of the host in zfspull.yaml; for a new key restart the daemon",
                        "login",
                    )
            over = await self._via._connect() if self._via is not None else None  # noqa: SLF001 - one of us
            with login.translated():
                async with asyncio.timeout(login.connect_timeout_seconds):
                    self._link = await Link.to(login, over=over)
            return self._link


def command_line(commands: Sequence[Sequence[str]]) -> str:
    """What the login's shell is given: every word is one there, and nothing in it means anything to the shell."""
    return " && ".join(_LANGUAGE + shlex.join(words) for words in commands)
