"""What a process said, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zfspull.hosts.tail import Tail


KEEP = 8


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_beginning_and_end_are_kept(chunks):
    """However it comes in pieces, the first and the last bytes are kept, and it is told how many are not."""
    tail = Tail(KEEP)
    for chunk in chunks:
        tail.add(chunk)
    said = b"".join(chunks)

    if len(said) <= 2 * KEEP:
        assert tail.text() == said.decode(errors="replace")
    else:
        gap = f"\n[{len(said) - 2 * KEEP} bytes left out]\n"
        assert tail.text() == (said[:KEEP] + gap.encode() + said[-KEEP:]).decode(errors="replace")


@given(st.lists(st.binary(max_size=100), max_size=50))
def test_memory_is_bounded(chunks):
    """Never is more kept than twice the bound."""
    tail = Tail(KEEP)
    for chunk in chunks:
        tail.add(chunk)

        assert len(tail._head) + len(tail._rest) <= 2 * KEEP
