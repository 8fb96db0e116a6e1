"""When a machine has booted: it says so on its console."""

import logging
import time

from tests.lab.guest import READY_MARK
from tests.lab.host import LabError
from tests.lab.qemu import Qemu


log = logging.getLogger("zfspull.lab")

BOOT_SECONDS = 300.0  # 20 on two idle cores under emulation; many times that on a machine with other work
BOOT_ATTEMPTS = 3


class PanicError(LabError):
    """The guest's kernel gave up before it had booted."""


def power_on(qemu: Qemu) -> None:
    """Start ``qemu`` and wait until the guest's sshd listens.

    A boot that ends in a kernel panic is tried again, and loudly: under software emulation on a host with more to do
    than it can, about one boot in fifty dies in its first seconds, in an interrupt and before any disk is mounted.

    Raises:
        LabError: It did not boot; with the end of the console.
    """
    for attempt in range(1, BOOT_ATTEMPTS + 1):
        offset_bytes = qemu.console_path.stat().st_size if qemu.console_path.exists() else 0
        qemu.start()
        try:
            _wait_for_mark(qemu, offset_bytes=offset_bytes)
        except PanicError as error:
            qemu.kill()
            if attempt == BOOT_ATTEMPTS:
                raise
            log.warning("attempt %d to boot %s failed, trying again: %s", attempt, qemu.name, error)
        else:
            return


def _wait_for_mark(qemu: Qemu, *, offset_bytes: int) -> None:
    """Wait until the guest says, after ``offset_bytes`` of its console, that it is ready.

    Asking sshd instead would be slower: each attempt that comes too early waits for a retransmission.
    """
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        running = qemu.running  # before the console is read: what it says last must not be missed
        said = qemu.console_path.read_bytes()[offset_bytes:] if qemu.console_path.exists() else b""
        if READY_MARK.encode() in said:
            return
        if not running or time.monotonic() > deadline:
            tail = said.decode(errors="replace")[-3000:]
            kind = PanicError if b"Kernel panic" in said else LabError
            state = "does not answer" if running else "ended"
            raise kind(f"machine {qemu.name} {state} before it had booted; QEMU: {qemu.log_tail()}; console:\n{tail}")
        time.sleep(0.1)
