"""The tap in the stream: counts what passes, and knows which side keeps the other waiting."""

from __future__ import annotations

from zfspull.clock import Clock
from zfspull.hosts.ports import Sink
from zfspull.zfs.texts import Side


class Tap:
    """A sink in front of another one.

    Attributes:
        moved_bytes: what has passed so far.
        moved_at: when something last passed or was seen to be taken by the target, on the monotonic clock.
        complete: set when the source has given everything, so that it is up to the target alone.
    """

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._pending_seen_bytes = 0
        self.complete = False
        self.moved_bytes = 0
        self.moved_at = clock.monotonic()

    def write(self, data: bytes) -> None:
        """Pass `data` on; what a broken target is given has not moved."""
        if self._sink.broken:
            return
        self.moved_bytes += len(data)
        self.moved_at = self._clock.monotonic()
        self._sink.write(data)

    @property
    def pending_bytes(self) -> int:
        """What the target has not taken yet."""
        return self._sink.pending_bytes

    async def drain(self) -> None:
        """Wait until the target has taken everything; a broken one takes nothing, which is no movement."""
        await self._sink.drain()
        if not self._sink.broken:
            self.moved_at = self._clock.monotonic()

    @property
    def broken(self) -> bool:
        """Whether the target is gone."""
        return self._sink.broken

    @property
    def waiting_for(self) -> Side:
        """Who is to move next: the target if it has not taken all that it was given, or is gone, else the source."""
        return Side.TARGET if self.complete or self.broken or self._sink.pending_bytes else Side.SOURCE

    def idle_seconds(self) -> float:
        """How long nothing has moved, seen from look to look: a target that took a little since the last look moves."""
        if (pending := self._sink.pending_bytes) != self._pending_seen_bytes:
            self._pending_seen_bytes = pending
            self.moved_at = self._clock.monotonic()
        return self._clock.monotonic() - self.moved_at
