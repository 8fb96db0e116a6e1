"""Firings in time zones, against an oracle that walks through time minute by minute."""

# ruff: noqa: DTZ001 - what a wall clock shows is naive

from __future__ import annotations

import contextlib
import copy
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from zfspull.plan.schedule import EverySchedule, parse_schedule


MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")

CHANGES = [
    # zone, an instant at or shortly before which the clocks are changed
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),  # at midnight
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2019, 2, 17, 2, tzinfo=UTC)),  # back over midnight
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),  # back over midnight, at one past
    ("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # by two hours
    ("Antarctica/Troll", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a day left out
    ("Asia/Kathmandu", datetime(2026, 5, 5, tzinfo=UTC)),  # never
    ("UTC", datetime(2026, 2, 28, tzinfo=UTC)),
]


@st.composite
def columns(draw, low, high):
    """Some text for one field with the set of values it stands for and whether it begins with a star."""
    kind = draw(st.sampled_from(["star", "step", "list", "range"]))
    if kind == "star":
        return "*", set(range(low, high + 1)), True
    if kind == "step":
        step = draw(st.integers(1, high))
        return f"*/{step}", {value for value in range(low, high + 1) if (value - low) % step == 0}, True
    first, second = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    if kind == "list":
        return f"{second},{first}", {first, second}, False
    return f"{first}-{second}", {value for value in range(low, high + 1) if first <= value <= second}, False


@st.composite
def lines(draw):
    """A crontab line with its values: mostly any month, so that something fires near the change of clocks."""
    fields = [draw(columns(*bounds)) for bounds in ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))]
    if draw(st.booleans()):
        fields[3] = ("*", set(range(1, 13)), True)
    if draw(st.booleans()):
        fields[2] = ("*", set(range(1, 32)), True)
    return " ".join(text for text, _, _ in fields), fields


def schedule_or_none(text):
    """The schedule of a valid line; None for one whose dates never come."""
    with contextlib.suppress(ValueError):
        return parse_schedule(text)
    return None


def fits(wall, fields):
    """The oracle's own reading of what a line names."""
    (_, minutes, _), (_, hours, _), (_, days, star_day), (_, months, _), (_, weekdays, star_weekday) = fields
    day, weekday = wall.day in days, (wall.weekday() + 1) % 7 in weekdays
    fitting_day = (day and weekday) if star_day or star_weekday else (day or weekday)
    return wall.minute in minutes and wall.hour in hours and wall.month in months and fitting_day


def walk(fields, start, end, zone):
    """All firings in [start, end), found by looking at the clock each minute."""
    by_the_clock = len(fields[1][1]) == 24
    latest = max((start - back * MINUTE).astimezone(zone).replace(tzinfo=None) for back in range(1, 27 * 60))
    now = start
    while now < end:
        wall = now.astimezone(zone).replace(tzinfo=None)
        if by_the_clock:
            fires = fits(wall, fields)
        else:
            # Times of day that the clock reached or jumped over for the first time.
            fresh = max(0, int((wall - latest) / MINUTE))
            fires = any(fits(wall - back * MINUTE, fields) for back in range(fresh))
        latest = max(latest, wall)
        if fires:
            yield now
        now += MINUTE


def firings(schedule, start, end, zone):
    """All firings in [start, end), by asking for the next one again and again."""
    now = start - timedelta(seconds=1)
    while (now := schedule.next_after(now, zone)) is not None and now < end:
        yield now


@settings(deadline=None)  # the oracle takes its time
@given(line=lines(), change=st.sampled_from(CHANGES), before=st.integers(0, 1500), hours=st.integers(1, 30))
def test_every_firing_and_no_other(line, change, before, hours):
    """Around changes of clocks in many zones the firings are exactly those that walking through time finds."""
    text, fields = line
    zone, start = ZoneInfo(change[0]), change[1] - before * MINUTE
    schedule = schedule_or_none(text)
    assume(schedule is not None)
    end = start + timedelta(hours=hours)

    assert list(walk(fields, start, end, zone)) == list(firings(schedule, start, end, zone))


@given(
    line=lines(),
    zone=st.sampled_from(sorted({zone for zone, _ in CHANGES})),
    moment=st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
@example(line=("0 0 29 2 */7", []), zone="Europe/Berlin", moment=datetime(2026, 1, 1, tzinfo=UTC))
def test_the_next_firing_is_later_and_the_first(line, zone, moment):
    """From any moment there is a later firing, and asking from in between names the same one."""
    schedule = schedule_or_none(line[0])
    assume(schedule is not None)
    firing = schedule.next_after(moment, ZoneInfo(zone))

    assert firing is not None
    assert moment < firing
    assert firing == schedule.next_after(moment + (firing - moment) * 0.5, ZoneInfo(zone))
    assert firing == schedule.next_after(firing - timedelta(microseconds=1), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (datetime(2026, 3, 29), ["2026-03-29T01:00:00+00:00"]),  # 03:00 summer time, right after the jump
        (datetime(2026, 10, 25), ["2026-10-25T00:30:00+00:00"]),  # the first 02:30, still summer time
        (datetime(2026, 11, 21), ["2026-11-21T01:30:00+00:00"]),
    ],
)
def test_half_past_two_comes_once_a_day(day, expected):
    """A job at 02:30 in Berlin runs exactly once on every day, also on those when clocks are changed."""
    start, end = day.replace(tzinfo=BERLIN), (day + timedelta(days=1)).replace(tzinfo=BERLIN)
    found = firings(parse_schedule("30 2 * * *"), start.astimezone(UTC), end.astimezone(UTC), BERLIN)

    assert expected == [firing.isoformat() for firing in found]


@pytest.mark.parametrize("text", ["@hourly", "*/15 * * * *", "every 15m"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 29), datetime(2026, 10, 25)])
def test_frequent_jobs_follow_real_time(text, day):
    """A job of every hour has no hole and no doubled run when clocks are changed by an hour."""
    start = day.replace(tzinfo=BERLIN).astimezone(UTC)
    found = list(firings(parse_schedule(text), start, start + timedelta(hours=26), BERLIN))

    assert {timedelta(seconds=parse_schedule(text).interval_seconds())} == {b - a for a, b in pairwise(found)}


def test_every_is_anchored_at_the_epoch():
    """A restart or another zone does not move `every 7m`: it fires at multiples of it since the epoch."""
    schedule = parse_schedule("every 7m")
    moment = datetime(2026, 11, 21, 10, 0, 1, tzinfo=UTC)
    firing = schedule.next_after(moment, BERLIN)

    assert firing.timestamp() % 420 == 0
    assert 0 < (firing - moment).total_seconds() <= 420
    assert firing == schedule.next_after(moment.astimezone(BERLIN), UTC)


def test_a_firing_is_strictly_later():
    """Asked at the moment of a firing, the next one is named: nothing fires twice."""
    at = datetime(2026, 11, 21, 3, tzinfo=UTC)

    assert at + timedelta(days=1) == parse_schedule("0 3 * * *").next_after(at, UTC)
    assert at + timedelta(hours=1) == parse_schedule("every 1h").next_after(at, UTC)


def test_the_end_of_the_calendar():
    """Where no date can follow, there is no next firing."""
    last = datetime(9999, 12, 30, tzinfo=UTC)

    assert parse_schedule("every 1w").next_after(last, UTC) is None
    assert parse_schedule("0 0 1 1 *").next_after(last, UTC) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every 90s", 90),
        ("@hourly", 3600),
        ("0 */6 * * *", 6 * 3600),
        ("30 2 * * *", 86400),
        ("*/15 8-18 * * *", 13.25 * 3600),
        ("0 2 * * 1-5", 3 * 86400),
        ("@weekly", 7 * 86400),
        ("@monthly", 31 * 86400),
        ("@yearly", 366 * 86400),
        ("0 0 29 2 *", 1461 * 86400),
        ("0 0 29 2 */7", 28 * 365.25 * 86400),
    ],
)
def test_interval_is_the_longest_usual_gap(text, seconds):
    """The interval is what an alert may wait for: the longest time between two firings."""
    assert seconds == parse_schedule(text).interval_seconds()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every 15", "has no unit"),
        ("every 0s", "at least 1s"),
        ("every 1500ms", "whole number of seconds"),
        ("@every 15m", '"every 15m"'),
        ("15m", "has 1 fields"),
        ("0 0 30 2 *", "never fires"),
    ],
)
def test_mistakes_are_explained(text, words):
    """A schedule that can't be is refused with the way to write it."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_schedule(text)


@pytest.mark.parametrize("text", ["every 15m", "30 2 * * *"])
def test_schedules_are_values(text):
    """Schedules compare by value and can be copied, so that a reload can tell what changed."""
    schedule = parse_schedule(text)

    assert schedule == copy.deepcopy(schedule) == parse_schedule(f" {text} ")
    assert schedule != EverySchedule("every 1s", 1)
