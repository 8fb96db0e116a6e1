"""Locks between processes: no target is ever worked on twice, and there is one daemon.

flock(2): the kernel releases a lock with its last file descriptor, however the process ended, so that there are no
stale locks and nothing to clean up. A lock's file stays where it is: removing it would let two processes hold "the"
lock on two files of one name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from zfspull.daemon.owner import give_to_owner_of, make_directory
from zfspull.errors import LocalResourceError, TransientError


_MAX_NAME = 200
"""Longer names are cut and told apart by a hash: a file's name has at most 255 bytes, an escaped dataset's 765."""


class LockedError(TransientError):
    """Somebody else is working on it at this moment.

    Attributes:
        pid: who, as written in the lock's file; None where it says nothing.
    """

    kind = "locked"

    def __init__(self, message: str, *, pid: int | None = None, **where: str) -> None:
        super().__init__(message, **where)
        self.pid = pid


@contextlib.contextmanager
def job_lock(directory: Path, target: str) -> Iterator[None]:
    """Hold the lock of the dataset `target` for as long as the context lasts. Does not wait.

    Args:
        directory: where locks lie (`Paths.locks`); made if it is missing.
        target: the full name of the job's target dataset.

    Raises:
        LockedError: another process (or another run of this one) holds it.
        LocalResourceError: the lock's file can't be opened.
    """
    with _held(directory / _file_name(target), f"the target {target}", "wait for it to end, or stop it, and try again"):
        yield


@contextlib.contextmanager
def daemon_lock(path: Path) -> Iterator[None]:
    """Be the daemon for as long as the context lasts.

    Raises:
        LockedError: another process is the daemon.
        LocalResourceError: the lock's file can't be opened.
    """
    hint = "`systemctl status zfspull` tells about it; stop it before starting another one"
    with _held(path, "the role of the daemon", hint):
        yield


@contextlib.contextmanager
def _held(path: Path, what: str, hint: str) -> Iterator[None]:
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = _read_pid(descriptor)
            who = f"process {pid}" if pid else "another process"
            raise LockedError(f"{what} is taken by {who} ({path})", hint=hint, pid=pid) from error
        _write(descriptor, f"{os.getpid()}\n")
        yield
        _write(descriptor, "")
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        make_directory(path.parent, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        give_to_owner_of(path.parent, descriptor)
    except OSError as error:
        raise LocalResourceError(
            f"can't open the lock {path}: {error.strerror}",
            hint="run as root or as the user that the daemon runs as",
            reason="state_directory",
        ) from error
    return descriptor


def _file_name(target: str) -> str:
    escaped = quote(target, safe="")
    if len(escaped) > _MAX_NAME:
        digest = hashlib.sha256(target.encode()).hexdigest()[:16]
        escaped = f"{escaped[:_MAX_NAME]}-{digest}"
    return f"{escaped}.lock"


def _write(descriptor: int, text: str) -> None:
    # The pid is only told to people; a full disk must stop no pull.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
