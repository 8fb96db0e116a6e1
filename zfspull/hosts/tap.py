"""The tap in the stream: counts what passes, and knows which side keeps the other waiting."""

from __future__ import annotations

from zfspull.clock import Clock
from zfspull.hosts.ports import Sink
from zfspull.zfs.stderr import Side


class Tap:
    """A sink in front of another one.

    Attributes:
        moved_bytes: what has passed so far.
        moved_at: when something last passed or was taken by the target, on the monotonic clock.
    """

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._draining = 0
        self.moved_bytes = 0
        self.moved_at = clock.monotonic()

    def write(self, data: bytes) -> None:
        """Pass `data` on."""
        self.moved_bytes += len(data)
        self.moved_at = self._clock.monotonic()
        self._sink.write(data)

    @property
    def pending_bytes(self) -> int:
        """What the target has not taken yet."""
        return self._sink.pending_bytes

    async def drain(self) -> None:
        """Wait until the target has taken everything."""
        self._draining += 1
        try:
            await self._sink.drain()
        finally:
            self._draining -= 1
        self.moved_at = self._clock.monotonic()

    @property
    def broken(self) -> bool:
        """Whether the target is gone."""
        return self._sink.broken

    @property
    def waiting_for(self) -> Side:
        """Who is to move next: the target if it has not taken what it was given, else the source."""
        return Side.TARGET if self._draining else Side.SOURCE

    def idle_seconds(self) -> float:
        """How long nothing has moved."""
        return self._clock.monotonic() - self.moved_at
