"""The network of a machine that is a process: QEMU without a machine, as the switch between its cards and the world."""

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.children import end, spawn
from tests.lab.devices import Json
from tests.lab.emulator import emulator
from tests.lab.host import LabError
from tests.lab.qmp import Qmp


BUFFER_BYTES = 4 << 20  # of each card's socket; the kernel grants what it allows


class Switch:
    """Joins each of a machine's cards with a network backend of QEMU's; ends with ``close`` or with this process.

    Args:
        control: Where the control socket is made.
        log_file: Where QEMU's words go.
        backends: QEMU's network backends with their ids, one for each card.

    Attributes:
        cards: The machine's ends, a datagram socket for each card, a frame a datagram; to be handed to the machine and closed.

    Raises:
        LabError: QEMU did not start.
    """

    def __init__(self, control: Path, log_file: Path, backends: Sequence[Json]) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in backends]
        for end_of_cable in (end_of_cable for pair in pairs for end_of_cable in pair):
            end_of_cable.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.cards = [pair[0] for pair in pairs]
        ours = [pair[1] for pair in pairs]
        control.unlink(missing_ok=True)
        command = [*emulator().command, "-machine", "none", "-nodefaults", "-display", "none"]
        for number, (backend, card) in enumerate(zip(backends, ours, strict=True)):
            socket_backend = {
                "type": "dgram",
                "id": f"card{number}",
                "local": {"type": "fd", "str": str(card.fileno())},
            }
            for each in (backend, socket_backend):
                port = {"type": "hubport", "id": f"port-{each['id']}", "hubid": number, "netdev": each["id"]}
                command += ["-netdev", json.dumps(each), "-netdev", json.dumps(port)]
        self._process = spawn(
            [*command, "-qmp", f"unix:{control},server=on,wait=off"],
            log_file=log_file,
            keep_fds=[s.fileno() for s in ours],
        )
        for card in ours:
            card.close()
        self._qmp = _connected(control, self._process, log_file)

    def set_link(self, backend: str, *, up: bool) -> None:
        """Cut or mend the cable behind the backend with that id."""
        self._qmp.execute("set_link", name=backend, up=up)

    def close(self) -> None:
        """End QEMU."""
        self._qmp.close()
        end(self._process)


def _connected(control: Path, process: "subprocess.Popen[bytes]", log_file: Path) -> Qmp:
    while not control.exists():
        if process.poll() is not None:
            raise LabError(f"QEMU did not start as a switch: {log_file.read_text(errors='replace')[-500:]}")
        time.sleep(0.01)
    return Qmp(control)
