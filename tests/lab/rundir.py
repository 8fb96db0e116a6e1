"""The directory of one lab while it runs: overlays, pool disks, sockets, logs. Gone when its owner is gone.

The owner holds a lock on a file in it, which the kernel releases however the owner ends. Whoever makes the next one
sweeps first: a directory whose lock is free belongs to nobody.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import IO

from tests.lab.cache import cache_root, locked
from tests.lab.host import LabError


log = logging.getLogger("zfspull.lab")

LOCK_NAME = "owner.lock"
LONGEST_SOCKET_PATH = 107  # bytes, of sockaddr_un
ROOM_FOR_SOCKET_NAME = 40  # bytes: a machine's name, a suffix, and the 17 that ssh appends while it binds


class RunDirectory:
    """A fresh directory that is removed by ``close``, or by the next lab's start after a crash.

    Attributes:
        path: The directory; short enough for unix sockets.
    """

    path: Path
    _lock: IO[str]

    def __init__(self) -> None:
        with locked(_runs() / ".lock"):  # between making a directory and locking it, a sweep must not find it
            _sweep()
            self.path = Path(tempfile.mkdtemp(prefix="", dir=_runs()))
            self._lock = (self.path / LOCK_NAME).open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._lock.write(f"{os.getpid()}\n")
            self._lock.flush()
        if len(os.fsencode(self.path)) > LONGEST_SOCKET_PATH - ROOM_FOR_SOCKET_NAME:
            self.close()
            raise LabError(
                f"{self.path} is too long for the lab's unix sockets: set ZFSPULL_LAB_CACHE to a shorter path"
            )

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep() -> list[Path]:
    """Remove the directories whose owners died, and end what those left running.

    Returns:
        The directories removed.
    """
    with locked(_runs() / ".lock"):
        return _sweep()


def running() -> list[Path]:
    """The directories of labs that run now."""
    return [path for path in sorted(_runs().iterdir()) if path.is_dir() and not _is_abandoned(path)]


def _runs() -> Path:
    runs = cache_root() / "runs"
    runs.mkdir(mode=0o700, exist_ok=True)
    return runs


def _is_abandoned(path: Path) -> bool:
    try:
        with (path / LOCK_NAME).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def _sweep() -> list[Path]:
    removed = []
    for path in _runs().iterdir():
        if path.is_dir() and _is_abandoned(path):
            log.info("removing %s, left by a lab that was killed", path)
            _end_left_overs(path)
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def _end_left_overs(path: Path) -> None:
    """Kill processes that a dead lab wrote down, if they are still the ones it started (they name its directory)."""
    for pid_file in path.glob("*.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(pid_file.read_text())
            if os.fsencode(path) in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
