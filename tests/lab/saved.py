"""A machine saved when it had just booted, so that later ones start in seconds.

Booting under software emulation takes half a minute on two idle cores; restoring memory and devices takes half a
second, and the log-in and loading of ZFS that follow take five. One state per shape serves all machines, since it knows
no disks, no links and no name: those are plugged in and set afterwards (``qemu.py``, ``identity.py``).

Other guests boot in a few seconds and are not saved.
"""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab import readiness
from tests.lab.accel import TCG
from tests.lab.cache import cache_root, digest, made
from tests.lab.emulator import emulator
from tests.lab.ports import free_port
from tests.lab.qemu import Qemu, make_overlay
from tests.lab.rundir import RunDirectory
from tests.lab.shape import Shape
from tests.lab.ssh import Ssh


log = logging.getLogger("zfspull.lab")

# Read once, so that every restored machine has them in its page cache.
_WARM_UP = """\
systemctl is-system-running --wait >/dev/null
python3 -c 'import asyncio, json, ssl, sqlite3'
cat /usr/sbin/zfs /usr/sbin/zpool /usr/lib/x86_64-linux-gnu/libzfs*.so* "$(modinfo -n zfs)" "$(modinfo -n spl)" >/dev/null
ip address >/dev/null; zgenhostid -h >/dev/null 2>&1; tar --version >/dev/null
journalctl --sync; sync
"""


@dataclass(frozen=True)
class Saved:
    """A saved state.

    Attributes:
        state: Memory and devices, as QEMU writes them.
        disk: The root disk as it was at that moment, a layer over the image.
    """

    state: Path
    disk: Path


def ensure_saved(shape: Shape) -> Saved | None:
    """The saved state for ``shape``, made first if need be (one cold boot); None where states are not used."""
    if shape.accelerator != TCG:
        return None
    return _saved_in(made("saved", saved_key(shape), lambda fresh: _make(shape, fresh)))


def discard_saved(shape: Shape) -> None:
    """Forget a state that could not be restored."""
    shutil.rmtree(cache_root() / "saved" / saved_key(shape), ignore_errors=True)


def saved_key(shape: Shape) -> str:
    """The name of the saved state for ``shape``."""
    return digest(
        [shape.image.key, str(emulator()), shape.accelerator.arguments, shape.cpus, shape.memory_mib, _WARM_UP, 1]
    )


def _saved_in(directory: Path) -> Saved:
    return Saved(directory / "state", directory / "disk.qcow2")


def _make(shape: Shape, into: Path) -> None:
    log.info("booting a machine once, to save its state for all later ones")
    run = RunDirectory()
    saved = _saved_in(into)
    make_overlay(saved.disk, shape.image.disk, backing_format="raw")
    qemu = Qemu(run.path, "saved", shape, saved.disk, free_port())
    ssh = Ssh(run.path, "saved", qemu.ssh_port, shape.image)
    try:
        readiness.power_on(qemu)
        ssh.connect(timeout_seconds=60)
        ssh.run(_WARM_UP, check=False)
        ssh.disconnect()  # the guest notices; its sshd must not wait for this client in every copy
        qemu.save(saved.state)
    finally:
        ssh.disconnect()
        qemu.kill()
        run.close()
