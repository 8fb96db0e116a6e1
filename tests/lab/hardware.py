"""What every machine is made of, whoever plays it: a process with a console, a root disk, spare disks and cards."""

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.children import end
from tests.lab.devices import Disk, Json, Nic
from tests.lab.host import LabError
from tests.lab.shape import Shape


USER_MAC = "52:54:00:00:00:01"


@dataclass
class Hardware(ABC):
    """The hardware of one machine; its files lie in ``directory`` under ``name``.

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

    @property
    def console_path(self) -> Path:
        """What the guest printed on its serial line, over all its boots."""
        return self.directory / f"{self.name}.console"

    @property
    def log_path(self) -> Path:
        """What the process itself said."""
        return self.directory / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def log_tail(self) -> str:
        """The end of what the process said."""
        return self.log_path.read_text(errors="replace")[-500:] if self.log_path.exists() else "nothing"

    @property
    def user_network(self) -> Json:
        """The backend of the first card, ``USER_MAC``: through it the guest reaches nothing, and ``ssh_port`` the guest."""
        forward = {"str": f"tcp:127.0.0.1:{self.ssh_port}-:22"}
        return {"type": "user", "id": "user", "restrict": True, "hostfwd": [forward]}

    @abstractmethod
    def start(self) -> None:
        """Power on: boot from the root disk, with all disks and cards in place."""

    @abstractmethod
    def plug(self, disk: Disk) -> None:
        """Plug a further disk into the running machine."""

    @abstractmethod
    def set_link(self, nic: str, *, up: bool) -> None:
        """Cut or mend the cable at a card."""

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

    def _forget(self) -> None:
        self.process = None
        self._pid_path.unlink(missing_ok=True)

    @property
    def _pid_path(self) -> Path:
        return self.directory / f"{self.name}.pid"

    def _started(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._pid_path.write_text(str(process.pid))  # for the sweep after a crash
