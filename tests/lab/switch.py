"""The network of a machine that is a process: QEMU without a machine, as the switch between its cards and the world."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.lab.children import end, spawn
from tests.lab.devices import Json
from tests.lab.emulator import emulator
from tests.lab.host import LabError
from tests.lab.qmp import Qmp


_SWITCH = ("-machine", "none", "-nodefaults", "-display", "none")
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
        with ExitStack() as ours, ExitStack() as failed:
            for card, end_of_cable in pairs:
                failed.enter_context(card)
                ours.enter_context(end_of_cable)
            control.unlink(missing_ok=True)
            fds = [end_of_cable.fileno() for _, end_of_cable in pairs]
            command = [*_SWITCH, "-qmp", f"unix:{control},server=on,wait=off", *_joined(backends, fds)]
            self._process = spawn([*emulator().command, *command], log_file=log_file, keep_fds=fds)
            self._qmp = _connected(control, self._process, log_file)
            failed.pop_all()

    def set_link(self, backend: str, *, up: bool) -> None:
        """Cut or mend the cable behind the backend with that id."""
        self._qmp.execute("set_link", name=backend, up=up)

    def close(self) -> None:
        """End QEMU."""
        self._qmp.close()
        end(self._process)


def _joined(backends: Sequence[Json], fds: Sequence[int]) -> Iterator[str]:
    """The arguments that join each backend with the end of a cable."""
    for number, (backend, fd) in enumerate(zip(backends, fds, strict=True)):
        cable = {"type": "dgram", "id": f"card{number}", "local": {"type": "fd", "str": str(fd)}}
        for each in (backend, cable):
            port = {"type": "hubport", "id": f"port-{each['id']}", "hubid": number, "netdev": each["id"]}
            yield from ("-netdev", json.dumps(each), "-netdev", json.dumps(port))


def _connected(control: Path, process: "subprocess.Popen[bytes]", log_file: Path) -> Qmp:
    while not control.exists():
        if process.poll() is not None:
            raise LabError(f"QEMU did not start as a switch: {log_file.read_text(errors='replace')[-500:]}")
        time.sleep(0.01)
    return Qmp(control)
