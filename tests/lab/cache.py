"""Where the lab keeps what is slow to make, and how a thing gets there whole or not at all.

Every entry is a directory named by a hash of what defines it. It is made under a temporary name while a file lock is
held, and renamed into place when complete: a build that is killed leaves nothing that could be mistaken for an entry,
and two builds of one thing never run at once.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def cache_root() -> Path:
    """The lab's directory: ``$ZFSPULL_LAB_CACHE``, else ``/var/cache/zfspull-lab`` (root) or ``~/.cache/zfspull-lab``."""
    chosen = os.environ.get("ZFSPULL_LAB_CACHE")
    if chosen:
        root = Path(chosen)
    elif os.geteuid() == 0:
        root = Path("/var/cache/zfspull-lab")
    else:
        root = Path.home() / ".cache" / "zfspull-lab"
    root.mkdir(parents=True, exist_ok=True)
    return root


def digest(definition: object) -> str:
    """A short name for what ``definition`` (anything JSON can hold) describes: 16 hexadecimal digits."""
    text = json.dumps(definition, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` exclusively; wait while another process or thread holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the cached directory ``kind/key``, and have ``make`` fill it when it does not exist yet.

    Args:
        kind: The family of entries, such as ``images``.
        key: The hash of what defines this one, from ``digest``.
        make: Fills the empty directory it is given; raising abandons the entry.

    Returns:
        The complete directory, to be read and never written.
    """
    family = cache_root() / kind
    entry = family / key
    if entry.is_dir():
        return entry
    with locked(family / f".{key}.lock"):
        if entry.is_dir():  # another process made it while this one waited
            return entry
        for left_over in family.glob(f".{key}.new-*"):  # of a build that was killed: nobody else holds the lock
            shutil.rmtree(left_over, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{key}.new-", dir=family))
        try:
            make(fresh)
            fresh.chmod(0o755)
            fresh.rename(entry)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return entry
