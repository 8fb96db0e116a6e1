"""What a line can do to a transfer."""

from __future__ import annotations

import pytest

from tests.faults import mishaps
from tests.faults.arena import Arena


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation


@pytest.mark.parametrize("seconds", [1.5, 15.0], ids=["shortly", "for long"])
def test_link_cut(arena: Arena, seconds: float) -> None:
    """A dead line, whether it is back before anyone notices or not, costs no more than what was under way."""
    arena.flow()
    mishaps.cut_link(seconds)(arena)
    figures = arena.converge(f"link cut for {seconds} s")
    assert figures.received_bytes < 1.25 * figures.loaded_bytes


@pytest.mark.parametrize("netem", ["loss 5%", "delay 200ms", "corrupt 1%"])
def test_bad_link(arena: Arena, netem: str) -> None:
    """A line that drops, delays or corrupts packets brings the same bytes, once."""
    arena.flow(until_bytes=500_000)
    mishaps.bad_link(netem)(arena)
    figures = arena.converge(f"{netem}")
    assert figures.received_bytes < 1.25 * figures.loaded_bytes
