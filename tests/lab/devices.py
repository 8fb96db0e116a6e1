"""Disks and network cards as QEMU describes them: the same JSON plugs them in at start and into a running machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


Json = dict[str, object]

# The guest's disks are thrown away: never wait for the host's disk. A power cut of the guest loses what the guest had
# not written yet, as it should; only a power cut of the host would lose more.
_CACHE: Json = {"no-flush": True, "direct": False}


@dataclass(frozen=True)
class Disk:
    """A disk of a machine.

    Attributes:
        name: Its serial number; in the guest it is ``/dev/disk/by-id/virtio-NAME``.
        path: The file on the host.
        format: ``raw`` or ``qcow2``.
        read_only: Whether several machines may read it at once, and none write.
    """

    name: str
    path: Path
    format: str = "raw"
    read_only: bool = False

    @property
    def guest_path(self) -> str:
        """The disk's name in the guest, the same after every boot."""
        return f"/dev/disk/by-id/virtio-{self.name}"

    @property
    def backend(self) -> Json:
        """For ``-blockdev`` and ``blockdev-add``."""
        return {
            "driver": self.format, "node-name": self.name, "read-only": self.read_only, "discard": "unmap", "cache": _CACHE,
            "file": {"driver": "file", "filename": str(self.path), "cache": _CACHE, "discard": "unmap"},
        }  # fmt: skip

    @property
    def device(self) -> Json:
        """For ``-device`` and ``device_add``."""
        return {"driver": "virtio-blk-pci", "id": f"disk-{self.name}", "drive": self.name, "serial": self.name}


@dataclass(frozen=True)
class Nic:
    """A network card on a private link.

    Attributes:
        name: The card's and the backend's id, which ``set_link`` wants.
        mac: The card's address.
        link: Where the backend's packets go: ``Link.end``.
    """

    name: str
    mac: str
    link: Json

    @property
    def backend(self) -> Json:
        """For ``-netdev`` and ``netdev_add``."""
        return {"id": f"net-{self.name}", **self.link}

    @property
    def device(self) -> Json:
        """For ``-device`` and ``device_add``."""
        return {"driver": "virtio-net-pci", "id": self.name, "netdev": f"net-{self.name}", "mac": self.mac}


def sparse_disks(directory: Path, machine: str, sizes_bytes: Sequence[int]) -> list[Disk]:
    """Make empty disks, which take room on the host only as they are written: ``disk0`` and so on."""
    disks = []
    for index, size_bytes in enumerate(sizes_bytes):
        path = directory / f"{machine}.disk{index}"
        with path.open("wb") as file:
            file.truncate(size_bytes)
        disks.append(Disk(f"disk{index}", path))
    return disks
