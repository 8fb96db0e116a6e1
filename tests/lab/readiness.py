"""When a machine has booted: it says so on its console."""

import time

from tests.lab.guest import READY_MARK
from tests.lab.hardware import Hardware
from tests.lab.host import LabError


BOOT_SECONDS = 300.0  # 20 on two idle cores under emulation; many times that on a machine with other work


def power_on(hardware: Hardware) -> None:
    """Start ``hardware`` and wait until the guest says that its sshd listens.

    Asking sshd instead would be slower: each attempt that comes too early waits for a retransmission.

    Raises:
        LabError: The process ended, or the time was up; with the end of the console.
    """
    offset_bytes = hardware.console_path.stat().st_size if hardware.console_path.exists() else 0
    hardware.start()
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        running = hardware.running  # before the console is read: what it says last must not be missed
        said = hardware.console_path.read_bytes()[offset_bytes:] if hardware.console_path.exists() else b""
        if READY_MARK.encode() in said:
            return
        if not running or time.monotonic() > deadline:
            state = "does not answer" if running else "ended"
            tail = said.decode(errors="replace")[-3000:]
            raise LabError(
                f"machine {hardware.name} {state} before it had booted; the log: {hardware.log_tail()}; console:\n{tail}"
            )
        time.sleep(0.1)
