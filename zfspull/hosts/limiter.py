"""A rate limit that several streams share."""

from __future__ import annotations

from zfspull.clock import Clock


class Limiter:
    """Lets bytes pass at a steady rate, with up to a second's worth at once.

    Bytes are paid for after they passed: whoever let some through waits until the debt is worked off.
    """

    def __init__(self, bytes_per_second: int, clock: Clock) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._credit = float(bytes_per_second)
        self._counted_at = clock.monotonic()

    async def pay(self, size_bytes: int) -> None:
        """Account for `size_bytes` that passed, and wait as long as that costs."""
        now = self._clock.monotonic()
        earned = (now - self._counted_at) * self.bytes_per_second
        self._credit = min(self._credit + earned, float(self.bytes_per_second)) - size_bytes
        self._counted_at = now
        if self._credit < 0:
            await self._clock.sleep(-self._credit / self.bytes_per_second)
