"""Fresh pools in a machine, for one test each."""

import contextlib
import itertools
import logging
from collections.abc import Iterator, Mapping

from tests.lab.machine import Machine


log = logging.getLogger("zfspull.lab")

_numbers = itertools.count(1)
DIRECTORY = "/var/lib/lab-pools"


@contextlib.contextmanager
def fresh_pool(
    machine: Machine, *, name: str | None = None, size: str = "1G", vdev: str | None = None,
    properties: Mapping[str, str] | None = None,
) -> Iterator[str]:  # fmt: skip
    """A pool of its own, destroyed with all that is in it at the end.

    Args:
        machine: Where.
        name: Its name; a fresh one (``pool1``...) unless given.
        size: Of the sparse file that it lies on, in truncate's words.
        vdev: A disk to use instead, such as ``machine.disks[0]``; one pool at a time.
        properties: Of its root dataset, such as ``{"compression": "off"}``.

    Yields:
        The pool's name.
    """
    pool = name or f"pool{next(_numbers)}"
    file = f"{DIRECTORY}/{pool}"
    options = " ".join(f"-O {key}={value}" for key, value in (properties or {}).items())
    if vdev is None:
        machine.run(f"mkdir -p {DIRECTORY} && rm -f {file} && truncate -s {size} {file}")
    machine.run(f"zpool create -f {options} {pool} {vdev or file}")
    try:
        yield pool
    finally:
        destroy_pool(machine, pool)
        if vdev is None:
            machine.run(f"rm -f {file}")


def destroy_pool(machine: Machine, pool: str) -> None:
    """Destroy a pool even if a transfer that a test left behind still works on it, or a mount is busy, for a while.

    One that can't be destroyed is left, and told: the machine goes with the session, and no test's pool is another's.
    """
    done = machine.run(
        f"for attempt in $(seq 60); do zpool list {pool} >/dev/null 2>&1 || exit 0; "
        f"zpool destroy -f {pool} 2>/tmp/destroy-{pool} && exit 0; sleep 0.5; "
        f"[ $attempt -lt 20 ] || grep -o ' /{pool}[^ ]* zfs' /proc/mounts | cut -d' ' -f2 | sort -r | xargs -r umount -l; "
        f"done; cat /tmp/destroy-{pool} >&2; exit 1",
        check=False,
    )
    if done.status != 0:
        log.warning("%s: the pool %s stays: %s", machine.name, pool, done.stderr.strip())
