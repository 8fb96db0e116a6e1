"""Renamed datasets are found by what they have in common with a replica, whatever it is called."""

from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.renames import find_renames, moves_along
from zfspull.zfs.model import Bookmark, Dataset, Kind, Snapshot, Tree
from zfspull.zfs.names import join


def snapshot(guid, **fields):
    return Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=guid, **fields)


def tree(root, **datasets):
    named = {path.replace("_", "/"): value for path, value in datasets.items()}
    return Tree(
        root=root,
        datasets={"": Dataset(name=root, kind=Kind.FILESYSTEM, guid=1)}
        | {path: _dataset(join(root, path), value) for path, value in named.items()},
    )


def _dataset(name, value):
    fields = value if isinstance(value, dict) else {"snapshots": tuple(snapshot(guid) for guid in value)}
    return Dataset(**{"name": name, "kind": Kind.FILESYSTEM, "guid": hash(name) & 0xFFFF} | fields)


def found(source, target):
    return find_renames(source.datasets, source, target)


def test_a_replica_is_found_by_any_common_point():
    """By a snapshot that is not the newest, or by a bookmark that is all that is left."""
    mark = Bookmark(name="mark", guid=4, createtxg=4, creation=4)
    source = tree("tank", new=[1, 3], marked={"bookmarks": (mark,), "snapshots": (snapshot(5),)})
    target = tree("vault", old=[1, 2], kept=[4])

    assert found(source, target) == {"new": "old", "marked": "kept"}


def test_a_replica_whose_name_the_source_still_has_is_nobody_elses():
    """A clone or a copy on the source takes no replica away from the dataset that it was made of."""
    assert found(tree("tank", a=[1], copy=[1]), tree("vault", a=[1])) == {}


def test_of_several_replicas_the_one_that_has_got_farthest_is_taken():
    """What was renamed aside before, or restored, is no match for the better one."""
    assert found(tree("tank", new=[1, 2, 3]), tree("vault", less=[1], more=[1, 2])) == {"new": "more"}


def test_what_no_increment_could_go_on_from_is_no_replica():
    """Neither another kind, nor a raw replica of a broken lineage, is found: it would be refused the next moment."""
    source = tree(
        "tank", disk={"kind": Kind.VOLUME, "snapshots": (snapshot(1),)},
        secret={"encryption_root": "tank/secret", "snapshots": (snapshot(2, ivsetguid=7),)},
    )  # fmt: skip
    target = tree(
        "vault", x=[1], y={"encryption_root": "vault/y", "snapshots": (snapshot(2, ivsetguid=8),)}
    )  # fmt: skip

    assert found(source, target) == {}


def test_children_move_along_with_their_parent():
    """A child whose replica lies where the parent's rename will put it needs no rename of its own."""
    source, target = tree("tank", new=[1], new_kid=[2], new_guest=[3]), tree("vault", old=[1], old_kid=[2], guest=[3])

    renames = found(source, target)

    assert renames == {"new": "old", "new/kid": "old/kid", "new/guest": "guest"}
    assert [path for path in renames if moves_along(path, renames)] == ["new/kid"]


GUIDS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.integers(1, 9), max_size=4, unique=True), max_size=6)


@given(GUIDS, GUIDS)
def test_nobodys_replica_is_taken_twice_or_from_anybody(source, target):
    """Each replica goes to at most one dataset, that has none, by a guid of both; never one that has a place."""
    source, target = tree("tank", **source), tree("vault", **target)

    renames = found(source, target)

    assert len(set(renames.values())) == len(renames)
    for new, old in renames.items():
        assert new not in target.datasets
        assert old not in source.datasets
        assert {one.guid for one in source.datasets[new].snapshots} & {
            one.guid for one in target.datasets[old].snapshots
        }
