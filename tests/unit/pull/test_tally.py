"""The books of a run."""

from dataclasses import dataclass

import pytest

from zfspull.events import Event
from zfspull.pull.tally import Tally


@dataclass
class SetClock:
    """A clock that somebody sets."""

    wall: float = 1_000_000.0
    ticks: float = 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Nobody:
    def emit(self, event: Event) -> None:
        pass


@pytest.mark.parametrize("step_seconds", [0, 86_400, -86_400])
def test_p6_a_run_takes_as_long_as_it_took_though_the_clock_was_set(step_seconds):
    """P6: a clock that is set in the middle of a run changes its times and not its duration."""
    clock = SetClock()
    tally = Tally(job="data", run_id="1", clock=clock, events=Nobody(), started_at=clock.now())
    clock.ticks += 30
    clock.wall += 30 + step_seconds

    finished = tally.finished()

    assert finished.duration_seconds == 30
    assert finished.at == clock.wall
