"""The control socket of a kernel in user mode: one datagram asks, one or more answer.

The format is that of ``struct mconsole_request`` and ``mconsole_reply`` in Linux's ``arch/um/drivers/mconsole.h``.
"""

import socket
import struct
from pathlib import Path

from tests.lab.host import LabError


_MAGIC, _VERSION, _LONGEST = 0xCAFEBABE, 2, 511
_REQUEST = struct.Struct("Iii512s")
_REPLY = struct.Struct("iii")  # as much text as the third number says follows


def ask(control: Path, command: str, *, timeout_seconds: float = 30.0) -> str:
    """Have the kernel behind ``control`` run one command, such as ``config ubd3=FILE``; returns what it said.

    Raises:
        LabError: It refused, or did not answer in time.
    """
    text = command.encode()
    if len(text) > _LONGEST:
        raise LabError(f"too long for the kernel's control socket, {len(text)} bytes of {_LONGEST}: {command}")
    said, error, more = b"", 0, True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as us:
        us.bind("")  # a name that the kernel chooses: the answer needs an address
        us.settimeout(timeout_seconds)
        try:
            us.sendto(_REQUEST.pack(_MAGIC, _VERSION, len(text), text), str(control))
            while more:
                reply = us.recv(_REQUEST.size)
                error, more, length = _REPLY.unpack_from(reply)
                said += reply[_REPLY.size :][:length]
        except OSError as trouble:
            raise LabError(f"the kernel behind {control} does not answer {command!r}: {trouble}") from trouble
    answer = said.rstrip(b"\0\n").decode(errors="replace")
    if error:
        raise LabError(f"the kernel behind {control} refused {command!r}: {answer}")
    return answer
