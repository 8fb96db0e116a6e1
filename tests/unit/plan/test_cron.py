"""The fields of a crontab line."""

# ruff: noqa: DTZ001 - what a wall clock shows is naive

from __future__ import annotations

import re
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.cron import parse_cron


@pytest.mark.parametrize(
    ("text", "minutes", "hours"),
    [
        ("0 0 * * *", (0,), (0,)),
        ("*/20 8-18/5 * * *", (0, 20, 40), (8, 13, 18)),
        ("5,10-12,58 23 * * *", (5, 10, 11, 12, 58), (23,)),
        ("*/60 */24 * * *", (0,), (0,)),
        ("@hourly", (0,), tuple(range(24))),
        ("@midnight", (0,), (0,)),
    ],
)
def test_lists_ranges_and_steps(text, minutes, hours):
    """Lists, ranges, steps and nicknames name the times that crontab(5) says."""
    cron = parse_cron(text)

    assert (minutes, hours) == (cron.minutes, cron.hours)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN", "0,7", "*/7"])
def test_sunday_has_two_numbers(sunday):
    """0, 7 and sun are all Sunday."""
    assert frozenset({0}) == parse_cron(f"0 0 * * {sunday}").weekdays


def test_weekday_ranges_may_end_in_seven():
    """5-7 is Friday to Sunday."""
    assert frozenset({5, 6, 0}) == parse_cron("0 0 * * 5-7").weekdays


def test_names_of_months_and_days():
    """Months and weekdays may be given by the first three letters of their names, in any case, also in ranges."""
    cron = parse_cron("0 0 * Jan-mar,DEC mon-fri")

    assert ((1, 2, 3, 12), frozenset(range(1, 6))) == (cron.months, cron.weekdays)


@pytest.mark.parametrize(
    ("text", "fires", "silent"),
    [
        ("0 0 13 * fri", [date(2026, 3, 13), date(2026, 3, 20), date(2026, 4, 13)], [date(2026, 3, 14)]),
        ("0 0 13 * *", [date(2026, 4, 13)], [date(2026, 3, 20)]),
        ("0 0 * * fri", [date(2026, 3, 20)], [date(2026, 4, 13)]),
        ("0 0 */13 * fri", [date(2026, 2, 27)], [date(2026, 3, 13), date(2026, 3, 14)]),
        ("0 0 1-31 * fri", [date(2026, 3, 19), date(2026, 3, 20)], []),
    ],
)
def test_day_of_month_or_day_of_week(text, fires, silent):
    """Two restricted day fields are joined by or; one that begins with a star makes it and."""
    cron = parse_cron(text)

    assert all(cron.names_date(day) for day in fires)
    assert not any(cron.names_date(day) for day in silent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * *", "has 4 fields"),
        ("0 0 2 * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("60 * * * *", "minute: 60 is not in 0-59"),
        ("0 24 * * *", "hour: 24 is not in 0-23"),
        ("0 0 0 * *", "day of month: 0 is not in 1-31"),
        ("0 0 * 13 *", "month: 13 is not in 1-12"),
        ("0 0 * * 8", "day of week: 8 is not in 0-7"),
        ("0 0 * foo *", "one of jan, feb"),
        ("0 22-6 * * *", "two ranges with a comma"),
        ("*/0 * * * *", "must be 1 to 60"),
        ("*/90 * * * *", "must be 1 to 60"),
        ("5/15 * * * *", "as in 5-59/15"),
        ("*-5 * * * *", "mixes * and a range"),
        ("1,,2 * * * *", "is none of"),
        ("0 0 L * *", "is no number"),
        ("0 0 * * mon#1", "is none of"),
        ("² * * * *", "is none of"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 2,4,6,9,11 *", "never fires"),
        ("@reboot", "there are @hourly"),
    ],
)
def test_mistakes_are_explained(text, words):
    """What crond would refuse or silently never run is refused, in words that say what would be right."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_cron(text)


def test_the_thirtieth_of_february_or_a_weekday():
    """An impossible day of the month is fine where a weekday may fire instead."""
    assert parse_cron("0 0 30 2 1").names_date(date(2026, 2, 2))


def test_leap_days_are_found_over_the_century_without_one():
    """29 February is found across 2100, which has none."""
    walls = parse_cron("15 3 29 2 *").walls_after(datetime(2096, 2, 29, 3, 15))

    assert datetime(2104, 2, 29, 3, 15) == next(walls)


def test_the_calendar_ends():
    """Behind the last day of the calendar there is nothing, rather than an error."""
    assert not list(parse_cron("@daily").walls_after(datetime(9999, 12, 31, 1)))


@given(st.text(alphabet="0123456789*/-, @abcdefhjlmnoprstuwy", max_size=40))
def test_any_text_is_read_or_refused(text):
    """Whatever the text, it is read into something that fires, or refused with a ValueError."""
    try:
        cron = parse_cron(text)
    except ValueError:
        return

    assert next(cron.walls_after(datetime(2026, 1, 1))) > datetime(2026, 1, 1)
