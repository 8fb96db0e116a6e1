"""The private link between machines: an Ethernet of their own, made of UDP datagrams on the host's loopback."""

from tests.lab.devices import Json
from tests.lab.host import LabError
from tests.lab.ports import free_port


class Link:
    """A cable between two machines, or a switch for more.

    A cable is a pair of UDP ports, each machine sending to the other's: either end may restart, and the other notices
    nothing. A switch is a multicast group on the loopback interface, which some containers do not have.

    Args:
        ends: How many machines it may connect.
    """

    def __init__(self, ends: int = 2) -> None:
        self._ends = ends
        self._taken = 0
        self._ports = [free_port(), free_port()]

    def end(self) -> Json:
        """The next free end, as a QEMU network backend without its id.

        Raises:
            LabError: All ends are taken.
        """
        number = self._taken
        if number >= self._ends:
            raise LabError(f"this link has {self._ends} ends and all are taken: Lab(link_ends={self._ends + 1})")
        self._taken += 1
        if self._ends > 2:
            return {"type": "socket", "mcast": f"239.77.0.1:{self._ports[0]}", "localaddr": "127.0.0.1"}
        return {
            "type": "dgram",
            "local": {"type": "inet", "host": "127.0.0.1", "port": str(self._ports[number])},
            "remote": {"type": "inet", "host": "127.0.0.1", "port": str(self._ports[1 - number])},
        }
