"""The names of cursors: from them alone it is known whose they are."""

from hypothesis import given
from hypothesis import strategies as st

from zfspull.config.readers import NAME_PATTERN
from zfspull.plan.cursors import Owner, cursors_of, owner_of, owner_of_hold, replica_tag
from zfspull.zfs.model import Bookmark, Dataset, Kind
from zfspull.zfs.names import snapshot_name_error


JOBS = st.from_regex(NAME_PATTERN, fullmatch=True)
GUIDS = st.integers(0, 2**64 - 1)
TEXTS = st.text(max_size=20)
TAGS = st.builds(replica_tag, TEXTS, TEXTS)
OWNERS = st.builds(Owner, JOBS, TAGS)
# What a stranger might write: anything, and what comes near to our own names.
FOREIGN = TEXTS | st.from_regex(r"zfspull_[a-z0-9_]{0,30}", fullmatch=True)


@given(OWNERS, GUIDS)
def test_owner_is_read_back_from_the_names(owner, guid):
    """A bookmark and a hold say who has left them, and both are names that ZFS takes."""
    assert owner_of(owner.bookmark(guid)) == owner
    assert owner_of_hold(owner.hold) == owner
    assert snapshot_name_error(owner.bookmark(guid)) is None


@given(FOREIGN)
def test_only_what_we_would_write_is_taken_for_a_cursor(name):
    """Whatever name is read as a cursor is exactly the one that its owner gives for that guid."""
    owner = owner_of(name)

    assert owner is None or name == owner.bookmark(int(name[-16:], 16))


@given(JOBS, st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=2, unique=True), GUIDS, FOREIGN)
def test_cursors_of_others_are_not_ours(job, replicas, guid, foreign):
    """Of two replicas each finds its own bookmark, under whatever name of the job, and no other one."""
    mine, theirs = (Owner(job, replica_tag(machine, target)) for machine, target in replicas)
    names = [mine.bookmark(guid), theirs.bookmark(guid), Owner(f"{job}x", mine.tag).bookmark(guid), foreign]
    bookmarks = [Bookmark(name=name, guid=guid, createtxg=1, creation=1) for name in names]
    dataset = Dataset(name="tank", kind=Kind.FILESYSTEM, guid=1, bookmarks=tuple(bookmarks))

    assert [bookmark.name for bookmark in cursors_of(dataset, mine.tag)][:2] == [names[0], names[2]]
    assert theirs.bookmark(guid) not in [bookmark.name for bookmark in cursors_of(dataset, mine.tag)]
