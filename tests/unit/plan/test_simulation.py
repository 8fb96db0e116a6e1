import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.simulation import MOST_SNAPSHOTS, Simulation, parse_simulation


NOW = 1_795_257_917.5


@pytest.mark.parametrize(
    ("text", "every", "length"),
    [
        ("every 15m for 2y", 900, 2 * 365 * 86_400),
        ("hourly for 1y", 3600, 365 * 86_400),
        ("  Daily   for 4w ", 86_400, 28 * 86_400),
        ("every 1h30m for 3d", 5400, 3 * 86_400),
        ("1h for 1h", 3600, 3600),
    ],
)
def test_simulations_are_read(text, every, length):
    """A distance and a length, as durations or in one word; a year has 365 days."""
    found = parse_simulation(text)

    assert (found.every_seconds, found.for_seconds) == (every, length)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no simulation"),
        ("every 15m", "is no simulation"),
        ("every 15 for 2y", "has no unit"),
        ("every 15m for 2 moons", "is no length of time"),
        ("every 500ms for 1h", "must be a whole number of seconds"),
        ("every 0s for 1h", "at least 1s"),
        ("every 2d for 1d", "has no snapshot"),
        ("every 1s for 90y", f"at most {MOST_SNAPSHOTS}"),
        ("every 1y for 3y", "is no length of time"),
    ],
)
def test_what_is_no_simulation_is_told(text, says):
    """P8: what can't be meant gets words for a person."""
    with pytest.raises(ValueError, match=says):
        parse_simulation(text)


@given(text=st.text())
def test_any_text_is_read_or_told(text):
    """P8: no text makes another error."""
    with contextlib.suppress(ValueError):
        assert isinstance(parse_simulation(text), Simulation)


def test_a_listing_ends_at_its_moment():
    """The newest snapshot is of that moment, each has its distance to the next, and the next one is to come."""
    simulation = parse_simulation("every 15m for 1d")

    listing = simulation.snapshots(NOW, prefix="zfspull")

    assert len(listing) == 96
    assert listing[-1].creation == int(NOW)
    assert {later.creation - one.creation for one, later in pairwise(listing)} == {900}
    assert [one.createtxg for one in listing] == list(range(1, 97))
    assert listing[-1].name == "zfspull_2026-11-21_10:45:17Z"
    assert simulation.rhythm(NOW).after(NOW) == int(NOW) + 900


def test_a_listing_does_not_begin_before_calendars():
    """So long a past has no names."""
    with pytest.raises(ValueError, match="before the year 1000"):
        parse_simulation("every 36500d for 999y").snapshots(-30_000_000_000, prefix="z")
