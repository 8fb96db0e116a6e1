"""The beginning and the end of what a process said, in bounded memory."""

from __future__ import annotations


class Tail:
    """Collects bytes; keeps the first and the last of them when there are too many."""

    def __init__(self, keep_bytes: int = 16384) -> None:
        self._keep = keep_bytes
        self._head = bytearray()
        self._rest = bytearray()
        self._lost = 0

    def add(self, data: bytes) -> None:
        """Take more."""
        room = self._keep - len(self._head)
        self._head += data[:room]
        self._rest += data[room:]
        if (excess := len(self._rest) - self._keep) > 0:
            self._lost += excess
            del self._rest[:excess]

    @property
    def overflowed(self) -> bool:
        """Whether there was too much, and something is left out."""
        return self._lost > 0

    def text(self) -> str:
        """What was kept; bytes that are no UTF-8 are replaced."""
        gap = f"\n[{self._lost} bytes left out]\n".encode() if self._lost else b""
        return (bytes(self._head) + gap + bytes(self._rest)).decode(errors="replace")
