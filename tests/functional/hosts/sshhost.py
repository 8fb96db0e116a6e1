"""A host to pull from: a real SSH server in this process, whose `zfs` does what a test tells it to."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh

from zfspull.hosts.login import Login
from zfspull.hosts.ssh import Connection


Process = asyncssh.SSHServerProcess[bytes]
Script = Callable[[list[str], Process], Awaitable[None]]

MIB = 1 << 20


def prints(stdout: str = "", stderr: str = "", status: int = 0) -> Script:
    """A command that prints and ends."""

    async def script(words, process):
        process.stdout.write(stdout.encode(errors="surrogateescape"))
        process.stderr.write(stderr.encode())
        process.exit(status)

    return script


def streams(size: int, *, status: int = 0, stderr: str = "", chunk_bytes: int = 1 << 18, fill: bytes = b"z") -> Script:
    """A command that prints `size` bytes as fast as they are taken, then perhaps says something, and ends."""

    async def script(words, process):
        chunk = fill * chunk_bytes
        left = size
        while left > 0:
            process.stdout.write(chunk[:left])
            await process.stdout.drain()
            left -= len(chunk)
        process.stderr.write(stderr.encode())
        process.exit(status)

    return script


def silent(after_bytes: int = 0) -> Script:
    """A command that prints so much and then nothing more, and never ends by itself."""

    async def script(words, process):
        process.stdout.write(b"z" * after_bytes)
        await process.wait_closed()

    return script


class FakeHost:
    """The server and the files that a login to it needs.

    Attributes:
        commands: the words of every command that was run, in order.
        script: what the next command does.
        lines: the same as the shell would see them.
        running, most_running: how many commands run now, and ran at once at most.
        connections: those that were made.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = directory / "key"
        self.known_hosts = directory / "known_hosts"
        self.commands: list[list[str]] = []
        self.lines: list[str] = []
        self.script: Script = prints()
        self.port = 0
        self.running = 0
        self.most_running = 0
        self.connections: list[asyncssh.SSHServerConnection] = []
        self._opened: list[Connection] = []
        self._acceptor: Any = None

    async def start(self) -> None:
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        user_key = asyncssh.generate_private_key("ssh-ed25519")
        user_key.write_private_key(self.key)
        user_key.write_public_key(self.directory / "authorized_keys")
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=str(self.directory / "authorized_keys"),
            process_factory=self._run,
            server_factory=lambda: _Server(self),
            encoding=None,
            config=None,
            encryption_algs=["aes128-gcm@openssh.com"],
        )
        self.port = self._acceptor.get_port()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key.export_public_key().decode()}")

    async def _run(self, process: Process) -> None:
        line = process.command or ""
        self.lines.append(line)
        words = shlex.split(line)
        assert words[:2] == ["env", "LC_ALL=C"]
        self.commands.append(words[2:])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            # Whoever pulls may go away at any moment: that is no news on this side.
            with suppress(OSError, asyncssh.Error):
                await self.script(words[2:], process)
        finally:
            self.running -= 1

    def login(self, **overrides: Any) -> Login:
        settings: dict[str, Any] = {
            "host": "gw",
            "address": "127.0.0.1",
            "port": self.port,
            "user": "puller",
            "key": self.key,
            "known_hosts": self.known_hosts,
            "connect_timeout_seconds": 20.0,
            "keepalive_interval_seconds": 15.0,
        }
        return Login(**(settings | overrides))

    def connection(self, *, via: Connection | None = None, **overrides: Any) -> Connection:
        """A connection that is closed when the test ends."""
        connection = Connection(self.login(**overrides), via=via)
        self._opened.append(connection)
        return connection

    def crash(self) -> None:
        """Cut all connections off, as a machine that dies does."""
        for connection in self.connections:
            connection.abort()

    async def stop(self) -> None:
        for opened in self._opened:
            await opened.aclose()
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        for connection in self.connections:
            connection.abort()
            await connection.wait_closed()


class _Server(asyncssh.SSHServer):
    def __init__(self, host: FakeHost) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._host.connections.append(conn)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True  # it serves as a jump host
