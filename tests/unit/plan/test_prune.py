from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.prune import DatasetPrune, KnownBase, SourceGone, UnknownBase, limit, plan_prune
from zfspull.plan.retention import Keep
from zfspull.zfs.model import Dataset, Kind, Snapshot


UTC = ZoneInfo("UTC")
HOUR = 3_600
NOW = 1_800_000_000
PARTIAL = "1-a-b-c"
HARSH = Keep(matching=("^never$",))


def _snapshot(guid, **fields):
    return Snapshot(name=f"s{guid}", guid=guid, createtxg=10 * guid, creation=NOW - 100 * HOUR + guid * HOUR, **fields)


def _dataset(*snapshots, **fields):
    return Dataset(name="backup/home", kind=Kind.FILESYSTEM, guid=7, snapshots=snapshots, **fields)


def _plan(dataset, base, keep=HARSH):
    return plan_prune(dataset, keep, base=base, zone=UTC, now=NOW)


def _destroyed(prune):
    return [snapshot.guid for snapshot in prune.destroy]


@st.composite
def datasets(draw):
    snapshots = [
        _snapshot(guid, holds=draw(st.sampled_from([0, 0, 0, 2])), clones=draw(st.sampled_from([(), (), (), ("p/c",)])))
        for guid in range(1, draw(st.integers(0, 12)) + 1)
    ]
    # A listing in another order than that of createtxg must not matter.
    shuffled = draw(st.permutations(snapshots))
    return _dataset(*shuffled, resume_token=draw(st.sampled_from([None, None, None, PARTIAL])))


BASES = st.one_of(st.builds(KnownBase, st.integers(1, 14)), st.just(SourceGone()), st.just(UnknownBase()))
KEEPS = st.one_of(st.none(), st.builds(Keep, last=st.integers(1, 4), hourly=st.integers(0, 4)), st.just(HARSH))


@given(dataset=datasets(), base=BASES, keep=KEEPS)
def test_every_snapshot_goes_or_stays(dataset, base, keep):
    """Each snapshot is in exactly one of the two lists, oldest first, and each that stays has a reason."""
    prune = _plan(dataset, base, keep)

    assert sorted([*prune.destroy, *prune.stay], key=lambda one: one.guid) == sorted(
        dataset.snapshots, key=lambda one: one.guid
    )
    assert [one.createtxg for one in prune.stay] == sorted(one.createtxg for one in prune.stay)
    assert all(prune.kept[one.guid] for one in prune.stay)


@given(dataset=datasets(), base=BASES, keep=KEEPS)
def test_no_guard_is_ever_broken(dataset, base, keep):
    """P1: whatever the rules say, nothing that a guard protects is destroyed."""
    prune = _plan(dataset, base, keep)

    order = {snapshot.guid: snapshot.createtxg for snapshot in dataset.snapshots}
    for snapshot in prune.destroy:
        assert dataset.resume_token is None
        assert snapshot.holds == 0
        assert not snapshot.clones
        assert snapshot.createtxg < max(order.values())
        assert not isinstance(base, UnknownBase)
        if isinstance(base, KnownBase):
            assert snapshot.createtxg < order[base.guid]


@given(dataset=datasets(), base=BASES, keep=KEEPS)
def test_every_snapshot_is_destroyed_or_has_a_reason_to_stay(dataset, base, keep):
    """What a prune says covers each snapshot of the dataset once, and never all of them are destroyed."""
    prune = _plan(dataset, base, keep)

    assert sorted([*_destroyed(prune), *prune.kept]) == sorted(snapshot.guid for snapshot in dataset.snapshots)
    assert all(prune.kept.values())
    assert bool(prune.kept) == bool(dataset.snapshots)
    assert _destroyed(prune) == sorted(_destroyed(prune))


@given(dataset=datasets(), base=BASES)
def test_without_keep_nothing_is_destroyed(dataset, base):
    """A job without keep rules never destroys anything."""
    assert _plan(dataset, base, None).destroy == ()


def test_only_what_is_older_than_the_base_goes():
    """The base and what came after it stay, and their reasons say so."""
    prune = _plan(_dataset(*map(_snapshot, range(1, 6))), KnownBase(3))

    assert _destroyed(prune) == [1, 2]
    assert prune.dataset == "backup/home"
    assert prune.kept == {
        3: ("guard: base",),
        4: ("guard: newer than base",),
        5: ("guard: newer than base", "guard: newest"),
    }


def test_rules_and_guards_are_both_named():
    """A snapshot that a rule keeps and a guard protects has both reasons, the rule first."""
    prune = _plan(_dataset(_snapshot(1), _snapshot(2)), KnownBase(2), Keep(last=1))

    assert prune.kept[2] == ("last 1/1", "guard: base", "guard: newest")


@pytest.mark.parametrize(
    ("old", "reason"), [({"holds": 1}, "guard: held"), ({"clones": ("backup/clone",)}, "guard: cloned")]
)
def test_held_and_cloned_snapshots_stay(old, reason):
    """A hold or a clone protects its own snapshot, and no other."""
    prune = _plan(_dataset(_snapshot(1, **old), _snapshot(2), _snapshot(3)), KnownBase(3))

    assert _destroyed(prune) == [2]
    assert prune.kept[1] == (reason,)


def test_nothing_goes_during_an_interrupted_receive():
    """A resume token protects every snapshot of its dataset."""
    prune = _plan(_dataset(*map(_snapshot, range(1, 4)), resume_token=PARTIAL), KnownBase(3))

    assert prune.destroy == ()
    assert prune.kept[1] == ("guard: resume token",)


@pytest.mark.parametrize("base", [UnknownBase(), KnownBase(99)], ids=["unknown", "not on the target"])
def test_nothing_goes_when_the_base_is_unknown(base):
    """A source that was not reached, shares nothing, or whose base is not here any more costs no snapshot."""
    prune = _plan(_dataset(*map(_snapshot, range(1, 4))), base)

    assert prune.destroy == ()
    assert prune.kept[1] == ("guard: base unknown",)


def test_a_dataset_gone_at_the_source_is_thinned_but_never_to_nothing():
    """Retention goes on for what the source has no more, down to the guards."""
    prune = _plan(_dataset(_snapshot(1), _snapshot(2, holds=1), _snapshot(3)), SourceGone())

    assert _destroyed(prune) == [1]
    assert prune.kept == {2: ("guard: held",), 3: ("guard: newest",)}


def _prunes(*sizes):
    return [DatasetPrune(f"p/{n}", tuple(_snapshot(guid + 1) for guid in range(n)), {}) for n in sizes]


@given(sizes=st.lists(st.integers(0, 9)), count=st.none() | st.integers(0, 40), percent=st.none() | st.integers(0, 100))
def test_more_than_the_limit_is_refused_as_a_whole(sizes, count, percent):
    """P1: a run goes through exactly when it keeps within each limit that is set."""
    total = sum(sizes) + 10
    within_count = count is None or sum(sizes) <= count
    within_share = percent is None or sum(sizes) <= -(-percent * total // 100)
    share = None if percent is None else percent / 100

    exceeded = limit(_prunes(*sizes), count=count, share=share, total=total)

    assert (exceeded is None) == (within_count and within_share)


def test_the_refusal_has_the_numbers():
    """Who reads it learns how many would go, how many may, and of how many."""
    exceeded = limit(_prunes(3, 4), count=5, share=0.5, total=100)

    assert exceeded is not None
    assert (exceeded.count, exceeded.limit, exceeded.total) == (7, 5, 100)
    assert "7 of 100 snapshots" in exceeded.message
    assert "allows 5 " in exceeded.message
    assert exceeded.hint


@pytest.mark.parametrize(("share", "total", "allowed"), [(0.07, 100, 7), (0.1, 5, 1), (0.0, 50, 0), (1 / 3, 9, 3)])
def test_a_share_is_rounded_up_to_whole_snapshots(share, total, allowed):
    """A small dataset can be thinned under a small share, and binary fractions add no snapshot."""
    assert limit(_prunes(allowed), count=None, share=share, total=total) is None
    exceeded = limit(_prunes(allowed + 1), count=None, share=share, total=total)

    assert exceeded is not None
    assert exceeded.limit == allowed
