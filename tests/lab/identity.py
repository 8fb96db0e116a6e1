"""What makes a freshly booted machine somebody: its clock, name, addresses, host id, and ZFS.

All of it comes after the boot, because a machine restored from a saved state wakes up as a copy of the saved one: with
its clock, its name and its random numbers. ZFS in particular is loaded only now, since the module seeds its own random
numbers once, and two copies of a loaded one would give different snapshots the same guid.
"""

import hashlib
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab.devices import Disk, Nic
from tests.lab.guest import NETWORK, NETWORK_SCRIPT


PREFIX_LENGTH = 24  # of the link's network, such as 10.77.0.0/24


NEIGHBOURS_FILE = "/etc/lab/neighbours"


@dataclass(frozen=True)
class Peer:
    """A machine as the others on the link know it.

    Attributes:
        name: Its host name.
        address: Its address on the link.
        mac: The address of its card.
    """

    name: str
    address: str
    mac: str


def script(*, name: str, disks: Sequence[Disk], nics: Sequence[Nic], address: str | None, peers: Sequence[Peer]) -> str:
    """The commands that make the machine ``name``, with its clock set to now.

    Args:
        name: The host name.
        disks: The disks to wait for: they may have been plugged in a moment ago.
        nics: The cards on the link, likewise.
        address: The machine's address on the link, if it has one.
        peers: All machines on the link, this one included.
    """
    host_id = hashlib.sha256(name.encode()).hexdigest()[:8]  # ZFS refuses to import a pool that another host id uses
    network = NETWORK
    if nics and address:
        network += (
            "for attempt in $(seq 300); do [ -e /sys/class/net/eth1 ] && break; sleep 0.1; done\n"
            f"ip address replace {address}/{PREFIX_LENGTH} dev eth1\n"
            "ip link set eth1 up\n"
            f"[ ! -e {NEIGHBOURS_FILE} ] || sh {NEIGHBOURS_FILE}\n"
        )
    lines = [
        "set -e",
        clock(),
        f"hostname {name}; echo {name} >/etc/hostname",
        write(NETWORK_SCRIPT, network),
        f"zgenhostid -f {host_id}",
        "rm -f /etc/systemd/system/zfs-load-module.service",  # its mask: from now on ZFS is loaded at boot
        "modprobe zfs &",  # three seconds under emulation, while the rest goes on
        f"sh {NETWORK_SCRIPT}",
        introduce(peers, address),
    ]
    lines += [
        f"for attempt in $(seq 300); do [ -e {disk.guest_path} ] && break; sleep 0.1; done; test -e {disk.guest_path}"
        for disk in disks
    ]
    lines.append("wait $!")
    lines.append("sync -f /etc")  # who it is outlasts a power cut that comes right away
    return "\n".join(lines)


def clock() -> str:
    """A shell command that sets the clock to now."""
    return f"date -u -s @{time.time():.3f} >/dev/null"


def introduce(peers: Sequence[Peer], address: str | None) -> str:
    """Shell commands that tell the machine at ``address`` who is on the link.

    The cards' addresses are fixed, so that nobody needs to ask for them: over a cut link a question for an address would
    fail after three seconds with "no route to host", where between two real sites nothing is heard at all.
    """
    hosts = "127.0.0.1 localhost\n" + "".join(f"{peer.address} {peer.name}\n" for peer in peers)
    neighbours = "".join(
        f"ip neighbour replace {peer.address} lladdr {peer.mac} dev eth1 nud permanent\n"
        for peer in peers
        if address and peer.address != address
    )
    return "\n".join([write("/etc/hosts", hosts), write(NEIGHBOURS_FILE, neighbours), f"sh {NEIGHBOURS_FILE}"])


def write(path: str, text: str) -> str:
    """A shell command that writes ``text`` to ``path``."""
    return f"printf %s {shlex.quote(text)} >{path}"
