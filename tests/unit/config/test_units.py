"""Sizes and rates as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.config.units import format_bytes, format_rate, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0 B", 0),
        ("10 MiB", 10485760),
        ("10MiB", 10485760),
        (" 1.5GB ", 1500000000),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("1 KiB", 1024),
        ("2.5 TiB", 2748779069440),
    ],
)
def test_sizes(text, size):
    """Decimal and binary units are what they say."""
    assert size == parse_size(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10 MiB/s", 10485760), ("10 MB/s", 10000000), ("80 Mbit/s", 10000000), ("1 Gbit/s", 125000000), ("9 bit/s", 1)],
)
def test_rates(text, rate):
    """Rates are bytes per second, also where they were written in bits."""
    assert rate == parse_rate(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10", "has no unit; write for example 10 MiB/s"),
        ("10 MiB", "(did you mean MiB/s?)"),
        ("10 mbit/s", "(did you mean Mbit/s?)"),
        ("10 Mbps", "(did you mean MB/s?)"),
        ("10 M/s", "unknown unit 'M/s'; write"),
        ("-1 MB/s", "is no rate"),
        ("fast", "is no rate"),
        ("", "is no rate"),
        ("1e3 MB/s", "is no rate"),
        ("99999999999 PB/s", "more than any pool"),
    ],
)
def test_mistakes_are_explained(text, words):
    """What is no rate is refused with the way to write one."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_rate(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1048575, "1.0 MiB"),
        (-1536, "-1.5 KiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 50, "5000.0 PiB"),
    ],
)
def test_for_people(count, text):
    """Bytes are shown in the largest unit that fits."""
    assert text == format_bytes(count)
    assert f"{text}/s" == format_rate(count)


@given(st.integers(0, 1 << 62))
def test_what_is_shown_can_be_read(count):
    """What is shown can be read back, and is off by less than the digit shown."""
    assert count == pytest.approx(parse_size(format_bytes(count)), rel=0.06, abs=1)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    """Whatever the text, it is a size of at least nothing, or refused with a ValueError."""
    try:
        size = parse_size(text)
    except ValueError:
        return

    assert size >= 0
