"""One QEMU process: started, plugged into, saved, killed."""

import json
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.lab.accel import Accelerator, choose
from tests.lab.children import end, spawn
from tests.lab.devices import Disk, Nic
from tests.lab.emulator import emulator
from tests.lab.host import LabError
from tests.lab.image import Image
from tests.lab.qmp import Qmp


DEFAULT_MEMORY_MIB = 2048


@dataclass(frozen=True)
class Shape:
    """What a saved machine state fits: a state goes only into a machine of the very same shape.

    Attributes:
        image: The base image, whose kernel is started.
        accelerator: KVM or emulation.
        cpus: Virtual processors.
        memory_mib: Memory.
    """

    image: Image
    accelerator: Accelerator
    cpus: int
    memory_mib: int

    @classmethod
    def of(cls, image: Image, *, cpus: int | None = None, memory_mib: int = DEFAULT_MEMORY_MIB) -> Self:
        """The shape of a machine on this host, with the accelerator that works here and as many processors as suit it."""
        accelerator = choose(image)
        return cls(image, accelerator, cpus or accelerator.cpus, memory_mib)


@dataclass
class Qemu:
    """A QEMU for one machine; its files lie in ``directory`` under ``name``.

    Attributes:
        directory: The lab's run directory.
        name: The machine's name.
        shape: Processor, memory, kernel.
        overlay: The root disk, a throw-away layer over the image.
        ssh_port: The port of the host's loopback that leads to the guest's sshd.
        disks: Further disks.
        nics: Cards on private links.
    """

    directory: Path
    name: str
    shape: Shape
    overlay: Path
    ssh_port: int
    disks: list[Disk] = field(default_factory=list)
    nics: list[Nic] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None
    _qmp: Qmp | None = None

    @property
    def console_path(self) -> Path:
        """What the guest printed on its serial line, over all its boots."""
        return self.directory / f"{self.name}.console"

    @property
    def log_path(self) -> Path:
        """What QEMU itself said."""
        return self.directory / f"{self.name}.qemu.log"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def qmp(self) -> Qmp:
        """The control socket of the running process."""
        if self._qmp is None or not self.running:
            raise LabError(f"machine {self.name} does not run; QEMU said: {self.log_tail()}")
        return self._qmp

    def log_tail(self) -> str:
        """The end of what QEMU said."""
        return self.log_path.read_text(errors="replace")[-500:] if self.log_path.exists() else "nothing"

    def start(self) -> None:
        """Power on: boot from the root disk, with all disks and cards in place."""
        arguments = []
        for item in self._plugged():
            arguments += ["-blockdev" if isinstance(item, Disk) else "-netdev", json.dumps(item.backend)]
            arguments += ["-device", json.dumps(item.device)]
        self._launch(arguments)

    def restore(self, state: Path) -> None:
        """Go on from a saved state, then plug in the disks and cards, which no saved state knows.

        Raises:
            LabError: QEMU did not take the state.
        """
        self._launch(["-incoming", f"exec:cat {shlex.quote(str(state))}"])
        while (status := self.qmp.execute("query-status")["status"]) == "inmigrate":
            time.sleep(0.02)
        if status != "paused":
            raise LabError(f"QEMU did not restore {state}: it is {status}; {self.log_tail()}")
        self.qmp.execute("cont")
        for item in self._plugged():
            self.qmp.execute("blockdev-add" if isinstance(item, Disk) else "netdev_add", **item.backend)
            self.qmp.execute("device_add", **item.device)

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

    def wait(self, *, timeout_seconds: float) -> None:
        """Wait until the process has ended by itself.

        Raises:
            LabError: It has not.
        """
        if self.process is not None:
            try:
                self.process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                raise LabError(f"machine {self.name} still runs after {timeout_seconds:.0f} s") from None
        self._forget()

    def kill(self) -> None:
        """End the process at once, as a power cut ends a machine."""
        if self.process is not None:
            end(self.process)
        self._forget()

    def _plugged(self) -> list[Disk | Nic]:
        return [*self.disks, *self.nics]

    def _forget(self) -> None:
        if self._qmp is not None:
            self._qmp.close()
        self._qmp = self.process = None
        (self.directory / f"{self.name}.pid").unlink(missing_ok=True)

    def _launch(self, arguments: list[str]) -> None:
        if self.running:
            raise LabError(f"machine {self.name} runs already")
        socket = self.directory / f"{self.name}.qmp"
        socket.unlink(missing_ok=True)
        self.process = spawn([*self._fixed_arguments(), "-qmp", f"unix:{socket},server=on,wait=off", *arguments],
                             log_file=self.log_path)  # fmt: skip
        (self.directory / f"{self.name}.pid").write_text(str(self.process.pid))  # for the sweep after a crash
        while not socket.exists():
            if self.process.poll() is not None:
                raise LabError(f"QEMU did not start for machine {self.name}: {self.log_tail()}")
            time.sleep(0.01)
        self._qmp = Qmp(socket)

    def _fixed_arguments(self) -> list[str]:
        """All that a saved state depends on: the same for every machine of a shape, up to paths and ports."""
        shape = self.shape
        root = Disk("root", self.overlay, "qcow2")
        user_network = {
            "type": "user", "id": "user",
            "restrict": True,  # the guest reaches nothing but the lab's links
            "hostfwd": [{"str": f"tcp:127.0.0.1:{self.ssh_port}-:22"}],
        }  # fmt: skip
        return [
            *emulator().command, "-name", f"zfspull-lab-{self.name}", *shape.accelerator.arguments,
            "-smp", str(shape.cpus), "-m", str(shape.memory_mib), "-display", "none", "-nodefaults", "-no-reboot",
            "-chardev", f"file,id=console,path={self.console_path},append=on", "-serial", "chardev:console",
            "-kernel", str(shape.image.kernel), "-initrd", str(shape.image.initrd),
            # net.ifnames=0: eth0 is the user network and eth1 the link, plugged in early or late.
            "-append", "console=ttyS0 panic=-1 mitigations=off net.ifnames=0 root=/dev/vda rw",
            "-blockdev", json.dumps(root.backend), "-device", json.dumps(root.device),
            "-netdev", json.dumps(user_network), "-device", "virtio-net-pci,netdev=user,mac=52:54:00:00:00:01",
            # Tells a restored kernel that it is a copy, so that it draws fresh random numbers.
            "-device", "vmgenid,guid=auto",
        ]  # fmt: skip


def make_overlay(path: Path, backing: Path, *, backing_format: str) -> None:
    """Make the throw-away layer ``path`` over the read-only disk ``backing``."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", backing_format, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"qemu-img could not make {path}: {done.stderr}")
