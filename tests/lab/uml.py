"""A machine that is a process: Linux for user mode runs its instructions natively, where there is no KVM.

The sources of the kernel and of ZFS are those of QEMU's machines; only what is below them differs (``arch/um``). What
computes is five to ten times as fast as under emulation. To start a process is not: the host has work with each of its
pages, most of all a host that is itself a guest.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.lab import mconsole, rundir
from tests.lab.cache import cache_root, locked
from tests.lab.children import spawn
from tests.lab.devices import Disk
from tests.lab.hardware import USER_MAC, Hardware
from tests.lab.host import LabError
from tests.lab.switch import Switch
from tests.lab.um_kernel import ENVIRONMENT, SPEED


@dataclass
class Uml(Hardware):
    """A kernel in user mode for one machine, with a switch for its cards."""

    _switch: Switch | None = None

    def start(self) -> None:
        """Power on: boot from the root disk, with all disks and cards in place."""
        if self.running:
            raise LabError(f"machine {self.name} runs already")
        backends = [self.user_network, *(nic.backend for nic in self.nics)]
        self._switch = Switch(self.directory / f"{self.name}.qmp", self.log_path, backends)
        cards = self._switch.cards
        macs = [USER_MAC, *(nic.mac for nic in self.nics)]
        vectors = [
            f"vec{number}:transport=fd,fd={card.fileno()},mac={mac}"
            for number, (card, mac) in enumerate(zip(cards, macs, strict=True))
        ]
        disks = [_ubd(number, disk) for number, disk in enumerate(self.disks, 1)]
        command = [
            # What the kernel does for a guest's process is done by several of the host's, one at a time: on one processor
            # they hand over three times as fast as across two.
            *ENVIRONMENT, "taskset", "--cpu-list", self._take_processor(), str(self.shape.image.kernel),
            f"mem={self.shape.memory_mib}M", f"uml_dir={self.directory}/", f"umid={self.name}",
            f"ubd0={self.overlay},{self.shape.image.disk},root", *disks, *vectors,
            "root=/dev/ubda", "rw", "console=ttyS0", "con=null", "ssl=null", "ssl0=null,fd:1", "net.ifnames=0",
            # All that it is asked for and has not is no module either: sshd wants auditing for each session, and to
            # start modprobe for that took 15 ms each time.
            "sysctl.kernel.modprobe=/nonexistent", *SPEED,
        ]  # fmt: skip
        try:
            self._started(spawn(command, log_file=self.console_path, keep_fds=[card.fileno() for card in cards]))
        finally:
            for card in cards:
                card.close()

    def plug(self, disk: Disk) -> None:
        """Plug a further disk into the running machine."""
        mconsole.ask(self.directory / self.name / "mconsole", f"config {_ubd(len(self.disks) + 1, disk)}")
        self.disks.append(disk)

    def set_link(self, nic: str, *, up: bool) -> None:
        """Cut or mend the cable at a card."""
        assert self._switch is not None
        self._switch.set_link(f"net-{nic}", up=up)

    def _take_processor(self) -> str:
        """Choose the processor of the host that the fewest machines of all running labs have, and write it down."""
        with locked(cache_root() / "runs" / ".processors.lock"):
            files = [path for directory in rundir.running() for path in directory.glob("*.processor")]
            taken = Counter(path.read_text() for path in files)
            chosen = min(map(str, sorted(os.sched_getaffinity(0))), key=lambda processor: taken[processor])
            self._processor_path.write_text(chosen)
        return chosen

    @property
    def _processor_path(self) -> Path:
        return self.directory / f"{self.name}.processor"

    def _forget(self) -> None:
        self._processor_path.unlink(missing_ok=True)
        if self._switch is not None:
            self._switch.close()
            self._switch = None
        super()._forget()


def _ubd(number: int, disk: Disk) -> str:
    """A disk as the kernel's command line describes it: a raw file, no layer below, its serial number."""
    return f"ubd{number}{'r' if disk.read_only else ''}={disk.path},,{disk.name}"
