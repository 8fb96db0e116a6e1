"""Free ports of the loopback interface."""

import random
import socket


# Below the range from which kernels pick ports for outgoing connections (32768 and up), so that none of those takes a
# port between its choice here and its use by QEMU.
_CANDIDATES = range(20000, 32000)
_handed_out: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing uses now, for TCP and UDP, and that this process did not hand out before."""
    for port in random.sample(_CANDIDATES, k=len(_CANDIDATES)):
        if port not in _handed_out and _is_free(port):
            _handed_out.add(port)
            return port
    raise OSError("no free port between 20000 and 32000 on 127.0.0.1")


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
