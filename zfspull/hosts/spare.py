"""A session channel that is open before there is a command for it, so that a command costs one round trip and not two.

SSH opens a channel with one exchange and starts a command in it with another (RFC 4254, 5.1 and 6.5), and asyncssh does
both when it is told the command. Here the first is done ahead, for one channel of a connection; a second command that
comes at the same time opens its own. sshd counts the spare one as a session, and starts nothing for it.

This knows names that are private to asyncssh. Should one be another in a later version, there is no spare channel, and
all works as before; a test tells which it is.
"""

# ruff: noqa: SLF001 - asyncssh has no public way to open a channel without a command
from __future__ import annotations

import asyncio
import inspect
from typing import Any

import asyncssh


_PLAIN: dict[str, Any] = {
    "subsystem": None,
    "env": {},
    "request_pty": False,
    "term_type": None,
    "term_size": None,
    "term_modes": {},
    "x11_forwarding": False,
    "x11_display": None,
    "x11_auth_path": None,
    "x11_single_connection": False,
    "agent_forwarding": False,
}
"""What a session can have beside its command, and ours have not."""
_NAMES = ["self", "session_factory", "command", *_PLAIN]
_SUPPORTED = (
    hasattr(asyncssh.SSHClientChannel, "_open")
    and list(inspect.signature(asyncssh.SSHClientChannel.create).parameters) == _NAMES
)


class Spare:
    """The spare channel of one connection.

    Args:
        connected: the connection, logged in.
        window_bytes, packet_bytes: of the channel.
    """

    def __init__(self, connected: asyncssh.SSHClientConnection, *, window_bytes: int, packet_bytes: int) -> None:
        self._connected = connected
        self._sizes = (window_bytes, packet_bytes)
        self._opening: asyncio.Task[Any] | None = None

    def prepare(self) -> None:
        """Open one in the background, unless there is one; if the host refuses, there is none.

        Nobody waits for it: should the host never answer, it ends with the connection, by its keepalives.
        """
        if _SUPPORTED and self._opening is None and not self._connected.is_closed():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(unheeded)

    async def start(self, line: str, session: asyncssh.SSHClientSession[bytes]) -> bool:
        """Start a command in the spare channel; False if there is none that is open.

        Raises:
            asyncssh.Error: the host does not start it.
        """
        opening = self._opening
        if opening is None or not opening.done():
            return False
        self._opening = None
        if opening.cancelled() or opening.exception() is not None:
            return False
        channel = opening.result()
        if channel.is_closing() or self._connected.is_closed():
            return False
        await channel.create(lambda: session, line, **_PLAIN)
        return True

    async def _open(self) -> Any:  # noqa: ANN401 - a channel with all that is private
        connected: Any = self._connected
        channel: Any = asyncssh.SSHClientChannel(
            connected, asyncio.get_running_loop(), "strict", None, "strict", *self._sizes
        )
        confirmed = await channel._open(b"session")

        async def already_open(_kind: bytes) -> Any:  # noqa: ANN401
            return confirmed

        channel._open = already_open
        return channel


def unheeded(opening: asyncio.Future[Any]) -> None:
    """A callback for what nobody waits for: that it failed is no news, and asyncio need not complain of it."""
    if not opening.cancelled():
        opening.exception()
