"""Who this machine is, as the operating system says: the same after every restart, another on every machine."""

from __future__ import annotations

import socket
from pathlib import Path


_FILES = (Path("/etc/machine-id"), Path("/etc/hostid"))


def machine_identity() -> str:
    """The content of the first file that has an identity, else the host's name."""
    for file in _FILES:
        try:
            text = file.read_bytes().hex()
        except OSError:
            continue
        if text:
            return text
    return socket.gethostname()
