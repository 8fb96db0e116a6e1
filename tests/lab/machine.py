"""One machine of a lab: boot it, use it, cut it off, pull its plug, start it again."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab import identity, readiness
from tests.lab.accel import UML
from tests.lab.devices import Disk, Nic, sparse_disks
from tests.lab.host import LabError
from tests.lab.identity import Peer
from tests.lab.link import Link
from tests.lab.ports import free_port
from tests.lab.qemu import Qemu
from tests.lab.saved import Saved, discard_saved
from tests.lab.shape import Shape
from tests.lab.ssh import Result, Ssh
from tests.lab.uml import Uml
from tests.lab.wrapper import write_wrapper


log = logging.getLogger("zfspull.lab")

LINK_NAME = "link"
LOGIN_SECONDS = 120.0  # 1.5 on an idle host


class Machine:
    """A virtual machine with real ZFS; made by ``Lab.machine``.

    Attributes:
        name: Its host name, known to the other machines of the lab.
        address: Its address on the private link, if it has one.
        ssh_port: The port of the host's 127.0.0.1 that leads to its sshd.
        ssh_key: The private key that logs in there as root.
        image: The base image it runs.
        ssh_config: A configuration for OpenSSH: ``ssh -F <ssh_config> <name>`` logs in as root.
        ssh_command: An argument vector that runs the shell command appended to it in the machine.
        known_hosts: The sshd's host key as a line of a known_hosts file, for 127.0.0.1 and ``ssh_port``.
        peer: What others on the link know of it.
    """

    def __init__(
        self, directory: Path, name: str, shape: Shape, *, number: int, disk_sizes: Sequence[int], address: str | None,
        link: Link | None, peers: Callable[[], Sequence[Peer]], saved: Callable[[], Saved | None],
    ) -> None:  # fmt: skip
        self.name = name
        self.address = address
        self.ssh_port = free_port()
        self.ssh_key = shape.image.private_key
        self.image = shape.image
        self._directory = directory
        self._peers = peers
        self._saved = saved
        self._booted = False
        self._link_cut = False
        self._netem: str | None = None
        mac = f"52:54:00:77:00:{number:02x}"
        self.peer = Peer(name, address, mac) if address else None
        nics = [Nic(LINK_NAME, mac, link.end())] if link else []
        disks = sparse_disks(directory, name, disk_sizes)
        make = Uml if shape.accelerator == UML else Qemu
        self._hardware = make(directory, name, shape, directory / f"{name}.overlay", self.ssh_port, disks, nics)
        self._ssh = Ssh(directory, name, self.ssh_port, shape.image)
        self.ssh_config = self._ssh.config_path
        self.ssh_command = self._ssh.command
        self.known_hosts = self._ssh.known_hosts_line

    @property
    def accelerator(self) -> str:
        """What runs its instructions: ``uml``, ``kvm`` or ``tcg``."""
        return self._hardware.shape.accelerator.name

    @property
    def disks(self) -> list[str]:
        """The spare disks, as the guest names them: ``/dev/disk/by-id/virtio-disk0`` and so on."""
        return [disk.guest_path for disk in self._hardware.disks if disk.name.startswith("disk")]

    @property
    def disk_files(self) -> list[Path]:
        """The files of this host that the spare disks are, in the same order."""
        return [disk.path for disk in self._hardware.disks if disk.name.startswith("disk")]

    @property
    def running(self) -> bool:
        """Whether the machine is powered on."""
        return self._hardware.running

    def boot(self) -> None:
        """Power the machine on for the first time and wait until it is ready, from a saved state where there is one.

        Raises:
            LabError: It did not become ready.
        """
        if self._booted:
            raise LabError(f"{self.name} was booted before: start() it")
        saved = self._saved()
        if saved is None or not self._restore(saved):
            self._power_on()
        self.run(
            identity.script(
                name=self.name,
                disks=self._hardware.disks,
                nics=self._hardware.nics,
                address=self.address,
                peers=self._peers(),
            )
        )
        self.set_clock()  # again: the script's first line took effect a second or two after it was written
        self._booted = True

    def start(self) -> None:
        """Power the machine on again, with its disks as they are, and wait until it is ready.

        Raises:
            LabError: It did not become ready.
        """
        if not self._booted:
            self.boot()
            return
        self._power_on()
        self.wait_ready()

    def wait_ready(self, *, timeout_seconds: float = readiness.BOOT_SECONDS) -> None:
        """Wait until ssh answers and ZFS is loaded.

        Raises:
            LabError: Not in time.
        """
        if self._ssh.run("true", check=False).status != 0:
            self._ssh.connect(timeout_seconds=timeout_seconds)
        self.run("modprobe zfs && udevadm settle", timeout_seconds=timeout_seconds)

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        timeout_seconds: float | None = 300.0,
        input: str | bytes | None = None,  # noqa: A002 - as subprocess calls it
    ) -> Result:
        """Run a command as root; see ``Ssh.run``."""
        if not self.running:
            raise LabError(f"machine {self.name} does not run")
        return self._ssh.run(command, check=check, timeout_seconds=timeout_seconds, input=input)

    def set_clock(self) -> None:
        """Set the machine's clock to the host's, to within the time that a command takes to get there."""
        self.run(identity.clock())

    def put(self, source: Path, destination: str) -> None:
        """Copy a file or directory of the host to the full path ``destination``."""
        self._ssh.put(source, destination)

    def get(self, source: str, destination: Path) -> None:
        """Copy a file of the machine to ``destination`` on the host."""
        self._ssh.get(source, destination)

    def write(self, path: str, text: str, *, mode: str = "644") -> None:
        """Write a text file in the machine, with the directories it needs."""
        self.run(f'mkdir -p "$(dirname {path})" && cat >{path} && chmod {mode} {path}', input=text)

    def wrapper(self, command: str) -> Path:
        """An executable of the host that runs ``command`` in the machine: arguments, standard streams and status pass through.

        Code on the host that is told to use this as its ``zfs`` works on the machine's pools.
        """
        return write_wrapper(self._directory / self.name, self._ssh.command, command)

    def add_user(self, user: str, *, public_key: str) -> None:
        """Make sure that ``user`` exists, and that ``public_key`` (one line) logs in as it."""
        home = "/root" if user == "root" else f"/home/{user}"
        self.run(
            f"id {user} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {user}\n"
            f"install -d -m 700 -o {user} -g {user} {home}/.ssh\n"
            f"cat >>{home}/.ssh/authorized_keys\n"
            f"chown {user}:{user} {home}/.ssh/authorized_keys; chmod 600 {home}/.ssh/authorized_keys",
            input=public_key.strip() + "\n",
        )

    def forward(self, guest_port: int) -> int:
        """A port of the host's 127.0.0.1 that leads to the machine's own 127.0.0.1:``guest_port``, restarts included."""
        return self._ssh.forward(guest_port)

    def plug(self, disk: Disk) -> str:
        """Plug a further disk into the running machine, there after every restart too; returns its name in the guest."""
        if disk not in self._hardware.disks:
            self._hardware.plug(disk)
            self.run(f"for attempt in $(seq 300); do [ -e {disk.guest_path} ] && exit 0; sleep 0.1; done; exit 1")
        return disk.guest_path

    def cut_link(self) -> None:
        """Cut the private link: what is sent over it vanishes, and nobody is told."""
        self._hardware.set_link(LINK_NAME, up=False)
        self._link_cut = True

    def restore_link(self) -> None:
        """Mend the private link."""
        self._hardware.set_link(LINK_NAME, up=True)
        self._link_cut = False

    def shape_link(self, netem: str | None) -> None:
        """Make what this machine sends over the link slow or lossy, in netem's words: ``rate 20mbit delay 50ms``; None ends it."""
        self.run("tc qdisc delete dev eth1 root 2>/dev/null || true" if netem is None
                 else f"modprobe sch_netem && tc qdisc replace dev eth1 root netem {netem}")  # fmt: skip
        self._netem = netem

    def mend(self) -> None:
        """Undo cuts and shaping, and start the machine if it was on once and is off; for the next test."""
        if self._booted and not self.running:
            self.start()
        if self._link_cut:
            self.restore_link()
        if self._netem:
            self.shape_link(None)

    def power_cut(self) -> None:
        """Pull the plug: what the guest had not written to its disks is lost. ``start`` boots it again."""
        self._hardware.kill()
        self._ssh.disconnect()

    def shutdown(self) -> None:
        """Shut the machine down in an orderly way and wait until it is off."""
        self.run("systemctl poweroff", check=False)
        self._hardware.wait(timeout_seconds=120)
        self._ssh.disconnect()

    def console(self) -> str:
        """What the machine printed on its serial console since it was made."""
        path = self._hardware.console_path
        return path.read_text(errors="replace") if path.exists() else ""

    def meet_peers(self) -> None:
        """Tell the running machine who is on the link by now."""
        self.run(identity.introduce(self._peers(), self.address))

    def _power_on(self) -> None:
        self._link_cut, self._netem = False, None  # neither outlives the process
        readiness.power_on(self._hardware)
        self._ssh.connect(timeout_seconds=LOGIN_SECONDS)

    def _restore(self, saved: Saved) -> bool:
        assert isinstance(self._hardware, Qemu)
        try:
            self._hardware.restore(saved.state, saved.disk)
        except LabError as error:
            log.warning("%s: the saved state is of no use, booting instead: %s", self.name, error)
            discard_saved(self._hardware.shape)
            self.power_cut()
            self._hardware.overlay.unlink()
            return False
        try:
            self._ssh.connect(timeout_seconds=LOGIN_SECONDS)
        except LabError as error:
            log.warning("%s: restored, but nobody answers; booting instead: %s", self.name, error)
            self.power_cut()
            self._hardware.overlay.unlink()
            return False
        return True
