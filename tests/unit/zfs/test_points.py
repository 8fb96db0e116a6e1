"""What was listed of some datasets: read if it is what was asked for, refused as a whole if anything else is in it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.zfs.listing import ListingError
from zfspull.zfs.model import Bookmark, Brief, Snapshot
from zfspull.zfs.points import answered, parse_briefs, parse_fully, parse_named


BRIEFS = "tank/a b@one\t1\t10\ntank/a b#mark\t2\t11\ntank/c@one\t3\t12\n"
FULL = "tank/a b@one\tsnapshot\t1\t10\t100\t7\t2\t-\ntank/a b#mark\tbookmark\t2\t11\t101\t0\t-\t-\n"
MARK = Bookmark(name="mark", guid=2, createtxg=11, creation=101)
SHOT = Snapshot(name="one", guid=1, createtxg=10, creation=100, ivsetguid=7, holds=2)


def test_briefs_are_grouped_by_dataset():
    """Snapshots and bookmarks go to their dataset; what lies below the one listed and was not meant is left out."""
    found = parse_briefs(BRIEFS, ["tank/a b"], below="tank")

    assert found == {"tank/a b": (Brief("@one", 1, 10), Brief("#mark", 2, 11))}
    assert answered(found, ["tank/a b", "tank/empty"])["tank/empty"] == ()


def test_full_lines_are_grouped_likewise():
    """With all that is ever asked of them."""
    assert parse_fully(FULL, ["tank/a b"], below=None) == {"tank/a b": (SHOT, MARK)}
    assert parse_named(FULL, {"tank/a b@one", "tank/a b#mark"}) == {"tank/a b@one": SHOT, "tank/a b#mark": MARK}


@pytest.mark.parametrize(
    "text",
    [
        "tank/c@one\t1\t10\n",  # not asked for
        "tank/a b@one\t1\t10\ntank/a b@one\t2\t11\n",  # twice
        "tank/a b@one\t1\n",
        "tank/a b@one\tx\t10\n",
        "tank/a b@one\t18446744073709551616\t10\n",
        "tank/a b\t1\t10\n",
        "tank/a b@\t1\t10\n",
        "tank/a b@o%ne\t1\t10\n",
        "tank/a b@one@two\t1\t10\n",
        "tank/a b@" + "x" * 300 + "\t1\t10\n",
        "tank/a b@o\x1bne\t1\t10\n",
    ],
)
def test_brief_line_that_zfs_does_not_print_fails_the_listing(text):
    """A hostile source gets no further with a short listing than with a long one."""
    with pytest.raises(ListingError):
        parse_briefs(text, ["tank/a b"], below=None)


@pytest.mark.parametrize("text", [FULL + FULL, FULL.replace("one", "two")])
def test_point_that_was_not_asked_for_fails_the_listing(text):
    """Whoever asks for a snapshot by name gets that one, once, or none."""
    with pytest.raises(ListingError):
        parse_named(text, {"tank/a b@one", "tank/a b#mark"})


@given(text=st.text(st.sampled_from("ab/@#\t\n1 -tank"), max_size=60))
def test_anything_is_read_or_refused(text):
    """No text does anything else than that."""
    for parse in (parse_briefs, parse_fully):
        with contextlib.suppress(ListingError):
            assert set(parse(text, ["tank"], below="tank")) <= {"tank"}
