import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.snapshot_names import taken_name
from zfspull.zfs.names import snapshot_name_error


SECONDS = st.integers(0, 250_000_000_000)


def test_a_name_says_its_time_in_utc():
    """The tag, then date and time."""
    assert taken_name("zfspull", 1_795_257_005.9) == "zfspull_2026-11-21_10:30:05Z"


@given(one=SECONDS, other=SECONDS)
def test_names_sort_by_time_and_are_valid(one, other):
    """ZFS takes every name, and a later one sorts later; another second is another name."""
    names = [taken_name("zfspull", second) for second in (one, other)]

    assert (names[0] < names[1]) == (one < other)
    assert [snapshot_name_error(name) for name in names] == [None, None]


@pytest.mark.parametrize("prefix", ["a@b", "a/b", "ü"])
def test_a_prefix_that_zfs_refuses_is_refused(prefix):
    """A bad prefix is found here, and not on the source."""
    with pytest.raises(ValueError, match="is no snapshot name"):
        taken_name(prefix, 0)
