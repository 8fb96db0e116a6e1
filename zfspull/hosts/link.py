"""One SSH connection as long as it lasts: what runs over it, and whether it has room for more.

sshd counts a session until its command has ended (MaxSessions), whatever became of its channel. A command that was
given up may hang on for days, as all do that touch a suspended pool; once enough of them do, every other one is refused
on this connection. Then it is left to what runs over it, and the next command takes a fresh one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncssh

from zfspull.config.values import MOST_STREAMS
from zfspull.errors import TransientError
from zfspull.hosts.burst import shorten
from zfspull.hosts.login import Login
from zfspull.hosts.session import OutputSession, StreamSession
from zfspull.hosts.spare import Spare


MOST_LEFT = MOST_STREAMS
"""As many as there are streams at once: connections that are left live no longer than those, or a command."""
WINDOW_BYTES = 2 << 20
PACKET_BYTES = 32 << 10
_ENCRYPTION = (
    # AES in hardware carries twice what chacha20-poly1305 does, which asyncssh would choose (measured on loopback).
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
_MISSED_KEEPALIVES = 3
_CLOSE_SECONDS = 5.0


class NoRoomError(TransientError):
    """The host opens no further session on this connection; nothing was started."""


class Link:
    """One connection that is logged in.

    Attributes:
        connected: asyncssh's.
        spare: its spare channel.
        is_left: whether nothing new is to run over it.
    """

    def __init__(self, connected: asyncssh.SSHClientConnection) -> None:
        self.connected = connected
        self.spare = Spare(connected, window_bytes=WINDOW_BYTES, packet_bytes=PACKET_BYTES)
        self.is_left = False
        self._running = 0
        self._gave_up = False
        self._carried: list[Link] = []

    @classmethod
    async def to(cls, login: Login, *, over: Link | None) -> Link:
        """Log in, over the link of a jump host if the way leads over one.

        Raises:
            Exception: whatever asyncssh raises; `login` translates it.
        """
        connected = await asyncssh.connect(
            login.address,
            login.port,
            tunnel=over.connected if over else (),
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
        shorten(connected)
        link = cls(connected)
        if over:
            over.carry(link)
        return link

    def carry(self, link: Link) -> None:
        """A link that leads over this one keeps it in use."""
        self._carried = [*(carried for carried in self._carried if not carried.is_closed), link]

    @property
    def is_closed(self) -> bool:
        """Whether it was lost or closed."""
        return self.connected.is_closed()

    @property
    def is_used(self) -> bool:
        """Whether anything runs or leads over it."""
        return not self.is_closed and (self._running > 0 or any(not carried.is_closed for carried in self._carried))

    @property
    def is_worn(self) -> bool:
        """Whether commands were given up on it: a fresh one may have room where this one has none."""
        return self._gave_up

    async def start(self, line: str, session: OutputSession | StreamSession, window_bytes: int) -> None:
        """Start a command, in the spare channel if there is one and its window fits; in any case `end` it later.

        Raises:
            NoRoomError: the host opens no further session.
            asyncssh.Error: it does not start the command.
        """
        self._running += 1
        try:
            if not (window_bytes == WINDOW_BYTES and await self.spare.start(line, session)):
                await self.connected.create_session(
                    lambda: session, line, encoding=None, window=window_bytes, max_pktsize=PACKET_BYTES
                )
        except asyncssh.ChannelOpenError as error:
            if session.was_opened or self.is_closed:
                raise
            raise NoRoomError(
                f"no room for another session on the connection: {error.reason}",
                hint="what hangs there counts until it ends: see `zpool status`, and MaxSessions in sshd_config, there",
                reason="connection_lost",
            ) from error
        self.spare.prepare()

    def end(self, session: OutputSession | StreamSession) -> None:
        """Close what was to be started, whether it was or not."""
        self._running -= 1
        session.close()
        self._gave_up |= session.was_cut_off

    async def close(self) -> None:
        """End it, and everything that runs over it."""
        self.connected.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.connected.wait_closed()


class Left:
    """The links that are left to what runs over them; each is closed when that has ended."""

    def __init__(self) -> None:
        self._links: list[Link] = []

    def take(self, link: Link) -> bool:
        """Leave a link; False if that is of no use, or there are too many already."""
        self.look()
        if not link.is_worn or (link.is_used and len(self._links) >= MOST_LEFT):
            return False
        link.is_left = True
        self._links.append(link)
        self.look()
        return True

    def look(self) -> None:
        """Close those that nothing runs over any more."""
        for link in self._links:
            if not link.is_used:
                link.connected.abort()
        self._links = [link for link in self._links if link.is_used]

    async def close(self) -> None:
        """Close all of them."""
        links, self._links = self._links, []
        for link in links:
            await link.close()
