import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.absence import Absence, Ledger, Losses, Record, Sight, advance, look
from zfspull.zfs.model import Bookmark, Dataset, Kind, Snapshot, Tree


DAY = 86_400.0


def shot(guid):
    return Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=guid)


def tree(top, /, **datasets):
    """A tree of datasets, each with the guids of its snapshots; `_` in a name stands for `/`, and `root` for the root."""
    found = {}
    for number, (name, guids) in enumerate(datasets.items(), 1):
        path = "" if name == "root" else name.replace("_", "/")
        found[path] = Dataset(
            name=f"{top}/{path}".rstrip("/"), kind=Kind.FILESYSTEM, guid=number, snapshots=tuple(map(shot, guids))
        )
    return Tree(root=top, datasets=found)


TARGET = tree("v/t", root=[1, 2], a=[11, 12], a_b=[21, 22])
ALL = frozenset({1, 2, 3})


def test_a_look_tells_present_from_missing():
    """Each dataset that shows itself on the source is there, with what it lost; one that is nowhere is missing."""
    sight = look(tree("t", root=[2, 3], a=[11, 12]), TARGET)

    assert sight == Sight(present={1: frozenset({1}), 2: frozenset()}, missing=frozenset({3}))


@pytest.mark.parametrize(
    "source",
    [
        None,
        Tree(root="t"),
        tree("t", root=[], a=[]),
        tree("t", root=[901], a=[902], a_b=[903]),
        tree("t", a=[11, 12]),  # no root
    ],
    ids=["not listed", "nothing", "no snapshots", "another tree", "root missing"],
)
def test_what_is_no_evidence(source):
    """A source that was not listed, that lists nothing, or that has nothing in common says nothing at all."""
    assert look(source, TARGET) == Sight(unclear=ALL)


def test_a_swapped_dataset_is_unclear():
    """One without snapshots, or with others of the same names, says nothing of what the target has."""
    assert look(tree("t", root=[1, 2], a=[], a_b=[99]), TARGET).unclear == {2, 3}


def test_a_bookmark_alone_is_no_evidence():
    """Whoever destroys all snapshots leaves the cursor behind: that is a base, and yet proves nothing of the others."""
    source = tree("t", root=[1, 2], a=[])
    mark = Bookmark(name="m", guid=12, createtxg=1, creation=1)
    bare = Dataset(name="t/a", kind=Kind.FILESYSTEM, guid=5, bookmarks=(mark,))

    assert look(Tree(root="t", datasets={**source.datasets, "a": bare}), TARGET).unclear == {2}


def test_a_renamed_dataset_is_unclear():
    """What lies elsewhere on the source, if only by one snapshot or bookmark, is not missing."""
    assert look(tree("t", root=[1, 2], elsewhere=[22], a=[11, 12]), TARGET).unclear == {3}


def test_snapshots_that_moved_by_a_promotion_are_not_gone():
    """`zfs promote` moves snapshots to the clone: they are on the source all the same."""
    assert look(tree("t", root=[1, 2], a=[12], clone=[11], a_b=[21, 22]), TARGET).present[2] == frozenset()


def test_troubled_datasets_are_unclear():
    """A dataset that could not be pulled in this run is no evidence."""
    assert look(tree("t", root=[1], a=[12], a_b=[22]), TARGET, troubled={"v/t/a"}).unclear == {2}


def test_what_is_not_the_jobs_is_not_looked_at():
    """Neither what is excluded, nor what lies aside, nor what has no snapshot is ever missing."""
    target = tree("v/t", root=[1], mine=[5], **{"x-aside-0123456789abcdef": [7]}, empty=[])

    sight = look(tree("t", root=[1]), target, exclude=("mine",))

    assert sight == Sight(present={1: frozenset()}, unclear=frozenset({4}))


TIMES = st.lists(st.floats(-1e10, 1e10), min_size=1, max_size=30)
SIGHT = Sight(present={1: frozenset({7})}, missing=frozenset({2}))


def after(times, sight=SIGHT, ledger=None, **cap):
    ledger = ledger or Ledger()
    for now in times:
        ledger = advance(ledger, sight, now=now, **cap)
    return Losses(sight, ledger)


@given(times=TIMES, cap=st.floats(1, 1e6))
def test_time_is_counted_by_runs_and_never_more_than_the_cap_each(times, cap):
    """Whatever the clock does, n looks count at most n - 1 caps, and never less than nothing."""
    losses = after(times, cap_seconds=cap)

    for seconds in (losses.dataset_seconds(2), losses.snapshot_seconds(1, 7)):
        assert 0 <= seconds <= (len(times) - 1) * cap * 1.0001


@given(times=TIMES.map(sorted))
def test_time_that_passes_evenly_is_never_counted_twice(times):
    """With a clock that only goes forward, no more is counted than has passed."""
    losses = after(times)

    assert losses.dataset_seconds(2) <= times[-1] - times[0] + 1e-3


def test_runs_a_day_apart_count_days():
    """The usual case: a run each day, and after the eleventh something has been missing for ten days."""
    losses = after([day * DAY for day in range(11)])

    assert losses.dataset_seconds(2) == losses.snapshot_seconds(1, 7) == 10 * DAY


def test_what_is_back_is_forgotten():
    """Absence that ended leaves nothing; that the dataset was seen stays known."""
    losses = after([0, DAY])
    back = advance(losses.ledger, Sight(present={1: frozenset(), 2: frozenset()}), now=2 * DAY)

    assert back == Ledger({1: Record(seen=True), 2: Record(seen=True)})


def test_what_is_unclear_stays_as_it_is():
    """A look without evidence changes no number; what the target has no more is forgotten."""
    losses = after([0, DAY])

    assert advance(losses.ledger, Sight(unclear=frozenset({1, 2, 9})), now=9 * DAY) == losses.ledger
    assert advance(losses.ledger, Sight(unclear=frozenset({2})), now=9 * DAY).datasets.keys() == {2}


def test_only_what_was_seen_on_the_source_is_a_replica():
    """A dataset that was missing from the first look on was never seen, however long that is."""
    seen = advance(Ledger(), Sight(present={2: frozenset()}), now=0)

    assert not after([0, DAY]).was_seen(2)
    assert after([0, DAY], ledger=seen).was_seen(2)


@given(seed=st.lists(st.tuples(st.sets(st.integers(1, 4)), st.sets(st.integers(1, 4)), st.floats(0, 1e9)), max_size=20))
def test_the_books_are_no_larger_than_what_is_seen(seed):
    """Nothing is kept of what no look shows any more."""
    ledger = Ledger()
    for present, missing, now in seed:
        sight = Sight({guid: frozenset({guid * 10}) for guid in present - missing}, frozenset(missing))
        ledger = advance(ledger, sight, now=now)
        assert ledger.datasets.keys() == present | missing
        assert all(record.snapshots.keys() <= {guid * 10} for guid, record in ledger.datasets.items())
        assert all(isinstance(ledger.datasets[guid].missing, Absence) for guid in missing)
