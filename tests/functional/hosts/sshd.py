"""OpenSSH's own server as a process of the test: its flow control differs from asyncssh's."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh

from zfspull.hosts.login import Login


PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""


@asynccontextmanager
async def sshd(directory: Path, *, settings: str = "") -> AsyncIterator[Login]:
    """A running sshd that lets in who runs the test, and how to log in to it; `settings` are lines of its sshd_config."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    host_key.write_private_key(directory / "host_key")
    (directory / "host_key").chmod(0o600)
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    user_key.write_private_key(directory / "key")
    user_key.write_public_key(directory / "key.pub")
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}")
    (directory / "sshd_config").write_text(_CONFIG.format(port=port, directory=directory) + settings)
    _privilege_separation()
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "-D",
        "-E",
        str(directory / "sshd.log"),
        "-f",
        str(directory / "sshd_config"),
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        await _listens(port, process)
        yield Login(
            host="gw",
            address="127.0.0.1",
            port=port,
            user=getpass.getuser(),
            key=directory / "key",
            known_hosts=directory / "known_hosts",
            connect_timeout_seconds=20,
            keepalive_interval_seconds=15,
        )
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _privilege_separation() -> None:
    """Root's sshd wants an empty directory that the system's own start script makes."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


async def _listens(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, "sshd did not start: see sshd.log in the test's directory"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return
