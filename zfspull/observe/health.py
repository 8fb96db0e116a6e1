"""Whether the daemon is well: a heartbeat that shows real progress, and checks that say in words what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zfspull.clock import Clock


Check = Callable[[], str | None]
"""Says what is wrong, None if nothing is."""

FINE = "ok"


class Heartbeat:
    """Beaten by whoever makes progress; too long without a beat is a trouble."""

    def __init__(self, clock: Clock, *, limit_seconds: float) -> None:
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._beaten_at = clock.monotonic()

    def beat(self) -> None:
        """There was progress just now."""
        self._beaten_at = self._clock.monotonic()

    @property
    def age_seconds(self) -> float:
        """How long ago the last beat was."""
        return self._clock.monotonic() - self._beaten_at

    def check(self) -> str | None:
        """A `Check`."""
        age_seconds = self.age_seconds
        if age_seconds <= self._limit_seconds:
            return None
        return f"no progress for {age_seconds:.0f} s, at most {self._limit_seconds:.0f} s are expected"


def assess(checks: Mapping[str, Check]) -> dict[str, str]:
    """What every check says: "ok" or what is wrong. A check that breaks is itself what is wrong."""
    return {name: _ask(check) for name, check in checks.items()}


def _ask(check: Check) -> str:
    try:
        return check() or FINE
    except Exception as error:  # noqa: BLE001 - the answer to "are you well" must not be a traceback
        return f"the check itself failed: {error!r}"
