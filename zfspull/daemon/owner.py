"""Whose the files of the state directory are: the daemon's, even where root made them by a command in the foreground.

Else the daemon, which is not root, could not write to a lock that root's `zfspull pull` has made before it.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(path: Path, *, mode: int) -> None:
    """Make a directory, and those above it, for the owner of the nearest that is there; fine if it is there.

    Raises:
        OSError: it can't be made.
    """
    if path.exists():
        return
    make_directory(path.parent, mode=mode)
    path.mkdir(mode=mode, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        give_to_owner_of(path.parent, descriptor)
    finally:
        os.close(descriptor)


def give_to_owner_of(directory: Path, descriptor: int) -> None:
    """Give an open file to the owner of the directory that it lies in, if we are root and it is root's.

    Raises:
        OSError: it can't be given away.
    """
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid == 0:
        seen = directory.stat()
        os.fchown(descriptor, seen.st_uid, seen.st_gid)


def make_file(path: Path, *, mode: int) -> int:
    """Make a file anew for the owner of its directory, in place of whatever has the name; returns its descriptor.

    Nothing that lies there is opened: root would else write through a link that a daemon, taken over, has put there.

    Raises:
        OSError: it can't be made.
    """
    path.unlink(missing_ok=True)
    return make_new_file(path, mode=mode)


def make_new_file(path: Path, *, mode: int) -> int:
    """Make a file that is not there, for the owner of its directory; returns its descriptor.

    Raises:
        FileExistsError: something has the name, be it a link to nothing.
        OSError: it can't be made.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        give_to_owner_of(path.parent, descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
