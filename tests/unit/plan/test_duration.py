"""Lengths of time as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("15 minutes", 900),
        ("2h", 7200),
        ("7d", 604800),
        ("1w", 604800),
        ("1h30m", 5400),
        (" 1 h 30 min ", 5400),
        ("1W2D", 777600),
        ("15 MIN", 900),
        ("500ms", 0.5),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_units(text, seconds):
    """Every unit means what it says, alone and joined."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10", "has no unit; write for example 10s"),
        ("1.5", "has no unit"),
        ("", "is no length of time"),
        ("-5s", "is no length of time"),
        ("5 fortnights", "is no length of time"),
        ("1h foo", "is no length of time"),
        ("1.5h", "is no length of time"),
        ("1y", "is no length of time"),
        ("6M", "m is minutes, and there are no months or years; write for example 180d"),
        ("1d 6 M", "m is minutes, and there are no months or years; write for example 180d"),
        ("6 months", "there are no months or years"),
        ("2Y", "there are no months or years"),
        ("5Ms", "is no length of time"),
        ("5 MS", "is no length of time"),
        ("30m1h", "larger unit to the smaller"),
        ("1h1h", "larger unit to the smaller"),
        ("9" * 5000 + "s", "is no length of time"),
        ("99999999d", "longer than a hundred years"),
    ],
)
def test_mistakes_are_explained(text, words):
    """What is no length of time is refused with the way to write one."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (59.9, "59s"),
        (90, "1m30s"),
        (3600, "1h"),
        (3605, "1h"),
        (93784, "1d2h"),
        (-90, "-1m30s"),
    ],
)
def test_for_people(seconds, text):
    """Two units are enough for people, and nothing is rounded up."""
    assert text == format_duration(seconds)


@given(st.integers(0, 10**9))
def test_what_is_shown_can_be_read(seconds):
    """What is shown can be read back and is off by less than the smaller unit shown."""
    shown = parse_duration(format_duration(seconds))

    assert shown <= seconds < shown + max(60, seconds / 24)
