"""QEMU's control socket: one JSON command, one JSON answer."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

from tests.lab.host import LabError


class Qmp:
    """A connection to a running QEMU; safe to use from several threads.

    Args:
        path: The unix socket that QEMU listens on; it may not exist yet.
        timeout_seconds: How long to wait for it, and for each answer.
    """

    def __init__(self, path: Path, *, timeout_seconds: float = 30.0) -> None:
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._stream.readline()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:
        """Run one command and return its answer; events that arrive meanwhile are dropped.

        Raises:
            LabError: QEMU refused it, or has gone.
        """
        with self._lock:
            try:
                self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
                self._stream.flush()
                while line := self._stream.readline():
                    answer = json.loads(line)
                    if "return" in answer:
                        return answer["return"]
                    if "error" in answer:
                        raise LabError(f"QEMU refused {command} {arguments}: {answer['error']['desc']}")
            except OSError as error:
                raise LabError(f"QEMU does not answer {command}: {error}") from error
        raise LabError(f"QEMU ended while it was asked to {command}")

    def close(self) -> None:
        """Close the connection; QEMU goes on."""
        self._stream.close()
        self._socket.close()
