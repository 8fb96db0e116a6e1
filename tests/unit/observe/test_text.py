"""Foreign text made fit to be shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.observe.text import clip, escape


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain ü ✓", "plain ü ✓"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31m\x07\x9b", r"\x1b[31m\x07\x9b"),
        ("\u202egpj\u200b\u2028", r"\u202egpj\u200b\u2028"),
        ("\udcff", r"\udcff"),
        ('say "hi" \\', r"say \"hi\" \\"),
    ],
)
def test_escape(raw, shown):
    """What acts, hides or reorders shows as an escape; the rest is left alone."""
    assert escape(raw) == shown


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(st.characters()), st.text(st.characters()))
def test_escape_is_inert_and_unambiguous(one, other):
    """The result is printable, and two texts never look the same."""
    assert escape(one).isprintable()
    assert (escape(one) == escape(other)) == (one == other)


def test_clip():
    """Long text says how much is missing; short text is itself."""
    assert clip("abc", 3) == "abc"
    assert clip("abcdef", 3) == "abc… (3 more characters)"
