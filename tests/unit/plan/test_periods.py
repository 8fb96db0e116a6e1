from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.periods import PERIODS


ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
]
SECONDS = st.integers(0, 4_000_000_000)


def _key(kind, second, zone):
    return PERIODS[kind].key(datetime.fromtimestamp(second, zone))


def _label(kind, second, zone):
    return datetime.fromtimestamp(second, zone).strftime(PERIODS[kind].label_format)


@pytest.mark.parametrize("kind", list(PERIODS))
@given(first=SECONDS, second=SECONDS, zone=st.sampled_from(ZONES))
def test_keys_sort_in_the_order_of_time(kind, first, second, zone):
    """A later moment never lies in an earlier period, across every change of the clocks."""
    early, late = sorted((first, second))

    assert _key(kind, early, zone) <= _key(kind, late, zone)


@pytest.mark.parametrize("kind", list(PERIODS))
@given(second=SECONDS, after=st.integers(0, 7200), zone=st.sampled_from(ZONES))
def test_label_and_key_say_the_same(kind, second, after, zone):
    """Two moments have the same label exactly when they lie in the same period."""
    later = second + after

    same_label = _label(kind, second, zone) == _label(kind, later, zone)
    assert same_label == (_key(kind, second, zone) == _key(kind, later, zone))


@pytest.mark.parametrize(
    ("zone", "begin", "expected"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 0, tzinfo=UTC), [4, 4, 4]),
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 0, tzinfo=UTC), [4, 4, 4]),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 0, tzinfo=UTC), [4, 2, 4]),
    ],
)
def test_hours_across_a_change_of_the_clocks(zone, begin, expected):
    """A repeated hour is two periods, and a repeated half hour is a period of its own."""
    quarters = [_key("hourly", int(begin.timestamp()) + 900 * n, ZoneInfo(zone)) for n in range(sum(expected))]

    assert expected == [quarters.count(key) for key in dict.fromkeys(quarters)]


def test_weeks_are_those_of_iso_8601():
    """Weeks begin on Monday and belong to the year of their Thursday: in the label and in the order."""
    days = [(2026, 12, 27), (2026, 12, 28), (2027, 1, 3), (2027, 1, 4)]
    noons = [datetime(*day, 12, tzinfo=UTC) for day in days]

    assert [noon.strftime(PERIODS["weekly"].label_format) for noon in noons] == [
        "2026-W52",
        "2026-W53",
        "2026-W53",
        "2027-W01",
    ]
    assert [PERIODS["weekly"].key(noon) for noon in noons] == [(2026, 52), (2026, 53), (2026, 53), (2027, 1)]


@pytest.mark.parametrize("kind", PERIODS.values(), ids=PERIODS)
@given(second=SECONDS, zone=st.sampled_from(ZONES))
def test_the_edges_of_a_period_are_its_first_second_and_the_first_of_the_next(kind, second, zone):
    """Between the edges there is one period only, and beyond each there is another: an earlier and a later one."""
    begin, end = kind.first_within(second, zone), kind.first_after(second, zone)

    assert begin <= second < end
    assert kind.key_at(begin, zone) == kind.key_at(second, zone) == kind.key_at(end - 1, zone)
    assert kind.key_at(begin - 1, zone) < kind.key_at(second, zone) < kind.key_at(end, zone)


def test_the_half_hour_that_comes_twice_is_an_hour_of_its_own():
    """At Lord Howe clocks go back by half an hour: the second pass is a period of 30 minutes."""
    zone, hour = ZoneInfo("Australia/Lord_Howe"), PERIODS["hourly"]
    second_pass = int(datetime(2026, 4, 4, 15, 10, tzinfo=UTC).timestamp())

    assert hour.first_after(second_pass, zone) - hour.first_within(second_pass, zone) == 1800
