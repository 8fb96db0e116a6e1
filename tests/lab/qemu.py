"""One QEMU process: started, plugged into, saved, killed."""

import json
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.children import spawn
from tests.lab.devices import Disk, Nic
from tests.lab.emulator import emulator
from tests.lab.hardware import USER_MAC, Hardware
from tests.lab.host import LabError
from tests.lab.qmp import Qmp


@dataclass
class Qemu(Hardware):
    """A QEMU for one machine."""

    _qmp: Qmp | None = None

    @property
    def qmp(self) -> Qmp:
        """The control socket of the running process."""
        if self._qmp is None or not self.running:
            raise LabError(f"machine {self.name} does not run; QEMU said: {self.log_tail()}")
        return self._qmp

    def start(self) -> None:
        """Power on: boot from the root disk, with all disks and cards in place."""
        if not self.overlay.exists():
            make_overlay(self.overlay, self.shape.image.disk, backing_format="raw")
        arguments = []
        for item in self._plugged():
            arguments += ["-blockdev" if isinstance(item, Disk) else "-netdev", json.dumps(item.backend)]
            arguments += ["-device", json.dumps(item.device)]
        self._launch(arguments)

    def restore(self, state: Path, disk: Path) -> None:
        """Go on from a saved state and its root disk, then plug in the disks and cards, which no saved state knows.

        Raises:
            LabError: QEMU did not take the state.
        """
        make_overlay(self.overlay, disk, backing_format="qcow2")
        self._launch(["-incoming", f"exec:cat {shlex.quote(str(state))}"])
        while (status := self.qmp.execute("query-status")["status"]) == "inmigrate":
            time.sleep(0.02)
        if status != "paused":
            raise LabError(f"QEMU did not restore {state}: it is {status}; {self.log_tail()}")
        self.qmp.execute("cont")
        for item in self._plugged():
            self._plug(item)

    def plug(self, disk: Disk) -> None:
        """Plug a further disk into the running machine."""
        self._plug(disk)
        self.disks.append(disk)

    def save(self, state: Path, *, timeout_seconds: float = 120.0) -> None:
        """Stop the guest, write its memory and devices to the file ``state``, and end the process.

        Raises:
            LabError: QEMU could not, or not in time.
        """
        self.qmp.execute("stop")
        self.qmp.execute("migrate-set-parameters", **{"max-bandwidth": 10**12})  # else throttled as if for a network
        self.qmp.execute("migrate", uri=f"exec:cat > {shlex.quote(str(state))}")
        deadline = time.monotonic() + timeout_seconds
        while (answer := self.qmp.execute("query-migrate")).get("status") != "completed":
            if answer.get("status") in {"failed", "cancelled"} or time.monotonic() > deadline:
                raise LabError(f"QEMU could not save the machine: {answer}")
            time.sleep(0.05)
        self.qmp.execute("quit")
        self.wait(timeout_seconds=30)

    def set_link(self, nic: str, *, up: bool) -> None:
        """Cut or mend the cable at a card."""
        self.qmp.execute("set_link", name=nic, up=up)

    def _plugged(self) -> list[Disk | Nic]:
        return [*self.disks, *self.nics]

    def _plug(self, item: Disk | Nic) -> None:
        self.qmp.execute("blockdev-add" if isinstance(item, Disk) else "netdev_add", **item.backend)
        self.qmp.execute("device_add", **item.device)

    def _forget(self) -> None:
        if self._qmp is not None:
            self._qmp.close()
        self._qmp = None
        super()._forget()

    def _launch(self, arguments: list[str]) -> None:
        if self.running:
            raise LabError(f"machine {self.name} runs already")
        socket = self.directory / f"{self.name}.qmp"
        socket.unlink(missing_ok=True)
        command = [*self._fixed_arguments(), "-qmp", f"unix:{socket},server=on,wait=off", *arguments]
        process = spawn(command, log_file=self.log_path)
        self._started(process)
        while not socket.exists():
            if process.poll() is not None:
                raise LabError(f"QEMU did not start for machine {self.name}: {self.log_tail()}")
            time.sleep(0.01)
        self._qmp = Qmp(socket)

    def _fixed_arguments(self) -> list[str]:
        """All that a saved state depends on: the same for every machine of a shape, up to paths and ports."""
        shape = self.shape
        root = Disk("root", self.overlay, "qcow2")
        return [
            *emulator().command, "-name", f"zfspull-lab-{self.name}", *shape.accelerator.arguments,
            "-smp", str(shape.cpus), "-m", str(shape.memory_mib), "-display", "none", "-nodefaults", "-no-reboot",
            "-chardev", f"file,id=console,path={self.console_path},append=on", "-serial", "chardev:console",
            "-kernel", str(shape.image.kernel), "-initrd", str(shape.image.initrd),
            # net.ifnames=0: eth0 is the user network and eth1 the link, plugged in early or late.
            "-append", "console=ttyS0 panic=-1 mitigations=off net.ifnames=0 root=/dev/vda rw",
            "-blockdev", json.dumps(root.backend), "-device", json.dumps(root.device),
            "-netdev", json.dumps(self.user_network), "-device", f"virtio-net-pci,netdev=user,mac={USER_MAC}",
            # Tells a restored kernel that it is a copy, so that it draws fresh random numbers.
            "-device", "vmgenid,guid=auto",
        ]  # fmt: skip


def make_overlay(path: Path, backing: Path, *, backing_format: str) -> None:
    """Make the throw-away layer ``path`` over the read-only disk ``backing``."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", backing_format, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"qemu-img could not make {path}: {done.stderr}")
