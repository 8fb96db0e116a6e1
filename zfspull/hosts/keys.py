"""Keys and host keys: made, fetched, looked up. Nothing is ever overwritten, and nothing trusted by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from zfspull.errors import PermanentError, TransientError


_ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
"""In the order in which a host is asked for its key; one answer is enough."""

_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's public key: algorithm and base64 as in known_hosts, and the fingerprint `SHA256:...`."""

    public: str
    fingerprint: str

    @property
    def algorithm(self) -> str:
        """`ed25519`, `ecdsa` or `rsa`, as in the name of its file on the host."""
        return self.public.split()[0].removeprefix("ssh-").split("-")[0]


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A line of a known_hosts file about a host."""

    line: int
    algorithm: str
    fingerprint: str


def make_key(path: Path, comment: str) -> bool:
    """Make an ed25519 key without a passphrase, the public half beside it; False if there is one.

    Args:
        path: of the private half, which only its owner may read; its directory must be there.
        comment: what the public half ends with.

    Raises:
        OSError: it can't be written.
    """
    if path.exists():
        return False
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    for file, mode, content in (
        (path, 0o600, key.export_private_key("openssh")),
        (_public_file(path), 0o644, key.export_public_key("openssh")),
    ):
        # Exclusively, and never readable by others, not even for a moment.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if file == path else os.O_TRUNC), mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    return True


def public_line(path: Path) -> str:
    """The public half of a private key, as authorized_keys wants it.

    Raises:
        PermanentError: it can't be read, or has a passphrase.
    """
    try:
        return asyncssh.read_private_key(str(path)).export_public_key("openssh").decode().strip()
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        try:  # of a key that only the daemon may read, the public half is enough
            return asyncssh.read_public_key(str(_public_file(path))).export_public_key("openssh").decode().strip()
        except (OSError, asyncssh.KeyImportError):
            raise PermanentError(
                f"the key {path} can't be used: {error}",
                hint="it must be readable here and have no passphrase; another one: --key PATH",
                reason="login",
            ) from error


async def fetch_host_key(address: str, port: int, *, timeout_seconds: float, known: Sequence[KnownKey] = ()) -> HostKey:
    """Ask a host for its key; whether it is the right one, only a person can tell.

    Args:
        address: host name or IP address.
        port: of sshd.
        timeout_seconds: for all of it.
        known: what is known of the host: of a host of which one kind of key is known, that kind is asked for.

    Raises:
        TransientError: it can't be reached, or has no key of a kind that is known here.
    """
    where = f"{address} port {port}"
    kinds = {"rsa-sha2-512" if one.algorithm == "ssh-rsa" else one.algorithm for one in known}
    try:
        async with asyncio.timeout(timeout_seconds):
            for algorithm in (*sorted(kinds), *(() if kinds else _ALGORITHMS)):
                try:
                    key = await asyncssh.get_server_host_key(
                        address, port, server_host_key_algs=[algorithm], config=None
                    )
                except asyncssh.KeyExchangeFailed:
                    continue
                if key is not None:
                    public = " ".join(key.export_public_key("openssh").decode().split()[:2])
                    return HostKey(public, key.get_fingerprint())
    except TimeoutError as error:
        message = f"{where}: no answer within {timeout_seconds:.0f} s"
        raise TransientError(message, hint="is the host up, and sshd on that port?", reason="timeout") from error
    except (OSError, asyncssh.Error) as error:
        raise TransientError(
            f"{where}: cannot fetch the host key: {error}",
            hint="is the host up, and sshd on that port?",
            reason="unreachable",
        ) from error
    raise TransientError(f"{where}: the host has no key of a known kind", reason="host_key")


def known_keys(path: Path, address: str, port: int) -> list[KnownKey]:
    """What a known_hosts file says about a host, each key with its line; lines that can't be read say nothing.

    Raises:
        PermanentError: the file can't be read.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PermanentError(f"{path} can't be read: {error.strerror}", reason="login") from error
    found: list[KnownKey] = []
    for number, line in enumerate(lines, 1):
        try:
            keys = asyncssh.import_known_hosts(line).match(address, "", port)[0]
        except (ValueError, asyncssh.KeyImportError):
            continue
        found += (KnownKey(number, key.get_algorithm(), key.get_fingerprint()) for key in keys)
    return found


def known_hosts_line(address: str, port: int, key: HostKey) -> str:
    """The line that makes a host known, without a line end."""
    return f"{address if port == _SSH_PORT else f'[{address}]:{port}'} {key.public}"


def add_known_host(path: Path, line: str) -> None:
    """Add a line to a known_hosts file; the file is made if it is missing, and then everybody may read it.

    Raises:
        OSError: it can't be written.
    """
    if is_new := not path.exists():
        path.touch()
        path.chmod(0o644)
    ended = is_new or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
    with path.open("a") as stream:
        stream.write(f"{'' if ended else chr(10)}{line}\n")


def _public_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.pub")
