from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.cli.text import ago, counted, duration, moment, percentage, rate, safe, safe_block, size, time_left


@given(st.text())
def test_foreign_text_cannot_drive_a_terminal(text):
    """Whatever a remote machine says shows as one line of printable characters."""
    assert safe(text).isprintable()


def test_harmless_text_is_untouched():
    """Names as people use them, also with spaces and umlauts, are shown as they are."""
    assert safe("tank/home dir/münchen@auto_2026-11-21") == "tank/home dir/münchen@auto_2026-11-21"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb", r"a\r\nb"),
        ("\u202egpj", r"\u202egpj"),
        ("\x9b31m", r"\x9b31m"),
        ("\udcff", r"\udcff"),
    ],
)
def test_escapes_are_visible(text, shown):
    """Terminal escapes, line ends, text reordering and broken bytes are shown, not obeyed and not hidden."""
    assert safe(text) == shown


def test_a_block_keeps_its_lines():
    """Several lines stay several lines, each made safe."""
    assert safe_block("one\n\x1btwo") == "one\n\\x1btwo"


FIGURES = (
    (size(None), "-"),
    (size(1.5 * 2**30), "1.5 GiB"),
    (rate(None), "-"),
    (rate(2**20), "1.0 MiB/s"),
    (percentage(1, 3), "33%"),
    (percentage(5, 3), "100%"),
    (percentage(5, None), "-"),
    (percentage(0, 0), "-"),
    (duration(None), "-"),
    (duration(3725.2), "1h2m"),
    (duration(-5), "0s"),
    (moment(0, UTC), "1970-01-01 00:00:00"),
    (moment(None, UTC), "-"),
    (ago(100, 160), "1m ago"),
    (ago(160, 100), "in 1m"),
    (ago(100, 100.2), "now"),
    (ago(None, 100), "-"),
    (counted(1, "entry", "entries"), "1 entry"),
    (counted(2, "entry", "entries"), "2 entries"),
    (counted(0, "job"), "0 jobs"),
)


def test_figures_read_well():
    """Figures have units, and what is unknown is a dash, not a zero."""
    assert [said for said, _ in FIGURES] == [shown for _, shown in FIGURES]


@given(st.integers(0, 2**60), st.integers(0, 2**60), st.floats(0.001, 1e12))
def test_time_left_is_never_negative(moved, expected, speed):
    """A stream that outgrows its estimate has no time left, not a negative one."""
    assert time_left(moved, expected, speed) >= 0


def test_time_left_of_a_stream_that_stands_still_is_unknown():
    """Neither a stalled stream nor one of unknown size has a time left that could be told."""
    assert time_left(1, 2, 0.0) is None
    assert time_left(1, None, 5.0) is None
