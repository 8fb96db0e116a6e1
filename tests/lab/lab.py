"""A lab: a few machines, the link between them, and the directory they live in while it runs."""

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tests.lab.host import LabError, ensure_packages
from tests.lab.identity import Peer
from tests.lab.image import ensure_image
from tests.lab.link import Link
from tests.lab.machine import Machine
from tests.lab.rundir import RunDirectory
from tests.lab.saved import ensure_saved
from tests.lab.shape import DEFAULT_MEMORY_MIB, Shape


log = logging.getLogger("zfspull.lab")

GIB = 1024**3
DEFAULT_DISKS = (4 * GIB, 4 * GIB)


class Lab:
    """Machines that live as long as this object, and never longer than this process.

    Use it as a context manager, or call ``close``::

        with Lab() as lab:
            source = lab.machine("source")
            backup = lab.machine("backup")
            lab.boot()
            print(source.run("zfs version").stdout)

    Args:
        link_ends: How many machines the private link connects.
        use_saved: Whether machines may start from a saved state rather than boot.
    """

    def __init__(self, *, link_ends: int = 2, use_saved: bool = True) -> None:
        ensure_packages()
        self._run = RunDirectory()
        self.directory = self._run.path
        self.machines: dict[str, Machine] = {}
        self._link = Link(link_ends)
        self._use_saved = use_saved

    def machine(
        self,
        name: str,
        *,
        address: str | None = None,
        disks: Sequence[int] = DEFAULT_DISKS,
        cpus: int | None = None,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        release: str = "trixie",
        on_link: bool = True,
    ) -> Machine:
        """Add a machine, powered off.

        Args:
            name: Its host name: lower-case letters, digits, hyphens.
            address: Its address on the private link, 10.77.0.1 for the first and so on unless given.
            disks: Sizes of its spare disks in bytes; they are sparse.
            cpus: Virtual processors; two under KVM and one elsewhere unless given. In user mode there is only one.
            memory_mib: Memory.
            release: The Debian release, which decides its OpenZFS: trixie (2.3) or bookworm (2.1).
            on_link: Whether it is on the private link at all.

        Raises:
            LabError: The name is taken or malformed, the link has no free end, or the image could not be built.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", name):
            raise LabError(f"{name!r} is no name for a machine: a letter, then up to 14 of a-z, 0-9 and -")
        if name in self.machines:
            raise LabError(f"the lab has a machine {name} already")
        image = ensure_image(release)
        shape = Shape.of(image, cpus=cpus, memory_mib=memory_mib)
        number = len(self.machines) + 1
        self.machines[name] = made = Machine(
            self.directory, name, shape, number=number, disk_sizes=disks,
            address=(address or f"10.77.0.{number}") if on_link else None, link=self._link if on_link else None,
            peers=self._peers, saved=lambda: ensure_saved(shape) if self._use_saved else None,
        )  # fmt: skip
        return made

    def boot(self, *machines: Machine) -> None:
        """Power on the given machines (all, if none are given) together, and wait until they are ready."""
        chosen = [machine for machine in machines or self.machines.values() if not machine.running]
        with ThreadPoolExecutor(max_workers=max(1, len(chosen)), thread_name_prefix="lab-boot") as pool:
            list(pool.map(lambda machine: machine.start(), chosen))
        for machine in self.machines.values():
            if machine.running and machine not in chosen:
                machine.meet_peers()

    def close(self) -> None:
        """End all machines and remove their disks."""
        for machine in self.machines.values():
            machine.power_cut()
        self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _peers(self) -> list[Peer]:
        return [machine.peer for machine in self.machines.values() if machine.peer]
