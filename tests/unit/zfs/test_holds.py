"""The listing of holds: a tag may be anything, a name may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.zfs.listing import ListingError, parse_holds
from zfspull.zfs.model import Hold


TAGS = st.text(st.characters(exclude_characters="\n"), min_size=1)


@given(st.lists(TAGS, max_size=3))
def test_every_tag_is_read_back(tags):
    """What stands between the snapshot's name and the time is the tag, tabs and all."""
    text = "".join(f"tank/a b@s 1\t{tag}\tSat Nov 21 11:47 2026\n" for tag in tags)

    assert parse_holds(text) == tuple(Hold("tank/a b@s 1", tag) for tag in tags)


@pytest.mark.parametrize("line", ["tank/a@s", "tank/a\tt\tdate", "tank/a@s\tt", "tank/../a@s\tt\td", "tank/a@\tt\td"])
def test_what_is_no_hold_is_an_error(line):
    """A line that zfs never prints fails the listing."""
    with pytest.raises(ListingError, match="no hold"):
        parse_holds(line)
