"""What zfspull has left on a source: whose it is, and whether it is still of use."""

from zfspull.plan.cursors import Owner
from zfspull.plan.leftovers import Use, Whose, held, leftovers
from zfspull.zfs.model import Bookmark, Dataset, Hold, Kind, Snapshot, Tree
from zfspull.zfs.token import ResumeToken, encode


OURS, SIBLING, THEIRS = Owner("home", "0" * 8), Owner("other", "1" * 8), Owner("home", "2" * 8)


def snapshot(guid, **fields):
    return Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=guid, **fields)


def bookmark(guid, name):
    return Bookmark(name=name, guid=guid, createtxg=guid, creation=guid)


def dataset(name, **fields):
    return Dataset(name=name, kind=Kind.FILESYSTEM, guid=1, **fields)


def found(source, target, holds=(), exclude=()):
    ours = {OURS.tag, SIBLING.tag}
    everything = leftovers(source, holds, target, tag=OURS.tag, ours=ours, exclude=exclude)
    return {one.name: (one.whose, one.use) for one in everything}


def test_each_cursor_is_told_by_whose_it_is_and_what_it_is_good_for():
    """Ours are judged by the base; what another one has left is its own affair; other bookmarks are nobody's business."""
    marks = [bookmark(1, OURS.bookmark(1)), bookmark(2, Owner("old_name", OURS.tag).bookmark(2)),
             bookmark(3, OURS.bookmark(3)), bookmark(1, THEIRS.bookmark(1)), bookmark(1, SIBLING.bookmark(1)),
             bookmark(1, "zfspull_mine"), bookmark(1, "weekly")]  # fmt: skip
    source = Tree(root="tank", datasets={"": dataset("tank", snapshots=(snapshot(3),), bookmarks=tuple(marks))})
    target = Tree(root="vault", datasets={"": dataset("vault", snapshots=(snapshot(2),))})

    assert found(source, target) == {
        f"tank#{OURS.bookmark(1)}": (Whose.OURS, Use.OLDER),
        f"tank#{Owner('old_name', OURS.tag).bookmark(2)}": (Whose.OURS, Use.NEEDED),
        f"tank#{OURS.bookmark(3)}": (Whose.OURS, Use.STALE),
        f"tank#{THEIRS.bookmark(1)}": (Whose.ANOTHER, Use.UNKNOWN),
        f"tank#{SIBLING.bookmark(1)}": (Whose.OURS, Use.UNKNOWN),
        "tank#zfspull_mine": (Whose.UNKNOWN, Use.UNKNOWN),
    }


def test_a_hold_on_what_is_being_received_is_in_use():
    """While a first receive is unfinished, the hold on its snapshot is what keeps it possible."""
    token = ResumeToken(
        to_guid=2, from_guid=None, to_name="tank@s2", object=1, offset=0, bytes=1, raw=False, compressed=True
    )
    source = Tree(root="tank", datasets={"": dataset("tank", snapshots=(snapshot(1, holds=1), snapshot(2, holds=2)))})
    target = Tree(root="vault", datasets={"": dataset("vault", resume_token=encode(token))})
    holds = [Hold("tank@s1", OURS.hold), Hold("tank@s2", OURS.hold), Hold("tank@s2", "keep")]

    assert held(source.datasets.values()) == ("tank@s1", "tank@s2")
    assert found(source, target, holds) == {
        f"tank@s1={OURS.hold}": (Whose.OURS, Use.UNKNOWN),
        f"tank@s2={OURS.hold}": (Whose.OURS, Use.IN_USE),
    }


def test_what_the_job_does_not_pull_any_more_is_stale():
    """A dataset that is excluded now needs no cursor."""
    marks = (bookmark(1, OURS.bookmark(1)),)
    source = Tree(root="tank", datasets={"": dataset("tank"), "left": dataset("tank/left", bookmarks=marks)})
    target = Tree(root="vault", datasets={"left": dataset("vault/left", snapshots=(snapshot(1),))})
    name = f"tank/left#{OURS.bookmark(1)}"

    assert found(source, target, exclude=("left",)) == {name: (Whose.OURS, Use.STALE)}
    assert found(source, target) == {name: (Whose.OURS, Use.NEEDED)}


def test_p5_a_cursor_whose_replica_is_not_to_be_seen_may_be_needed():
    """Nothing says that nothing needs it: a pool may not be imported, a replica be set aside, or have nothing yet."""
    marks = (bookmark(1, OURS.bookmark(1)),)
    source = Tree(root="tank", datasets={"": dataset("tank", bookmarks=marks)})
    name = f"tank#{OURS.bookmark(1)}"

    for datasets in ({}, {"": dataset("vault")}, {"": dataset("vault", snapshots=(snapshot(7),))}):
        assert found(source, Tree(root="vault", datasets=datasets)) == {name: (Whose.OURS, Use.UNKNOWN)}


def test_p5_a_cursor_of_a_dataset_that_was_renamed_is_judged_by_its_replica_under_the_old_name():
    """The replica lies where it was, and goes on from that cursor once it is renamed too."""
    marks = (bookmark(1, OURS.bookmark(1)), bookmark(2, OURS.bookmark(2)))
    source = Tree(root="tank", datasets={"": dataset("tank"), "new": dataset("tank/new", bookmarks=marks)})
    target = Tree(root="vault", datasets={"": dataset("vault"), "old": dataset("vault/old", snapshots=(snapshot(2),))})

    assert found(source, target) == {
        f"tank/new#{OURS.bookmark(1)}": (Whose.OURS, Use.OLDER),
        f"tank/new#{OURS.bookmark(2)}": (Whose.OURS, Use.NEEDED),
    }
