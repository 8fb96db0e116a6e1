"""What an earlier listing showed, and when it may be used again."""

from dataclasses import replace

import pytest

from zfspull.plan.arrivals import Arrivals, grown, settled
from zfspull.plan.known import SETTLED_AFTER_SECONDS, Known, listed, recall, sift, unguarded
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Bookmark, Brief, Dataset, Kind, Snapshot, Tree


def shot(number, **more):
    return Snapshot(name=f"s{number}", guid=number, createtxg=number, creation=number, **more)


SHOTS = tuple(shot(number) for number in range(1, 6))
DATASET = Dataset(name="tank/a", kind=Kind.FILESYSTEM, guid=7, snapshots_changed=1000)
KNOWN = Known(guid=7, changed=1000, seen_at=50.0, listed=True, settled=True, snapshots=SHOTS)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({}, "current"),
        ({"snapshots_changed": 1001}, "changed"),
        ({"snapshots_changed": 999}, "changed"),
        ({"origin": "tank/b@x"}, "changed"),
        ({"snapshots_changed": None}, "changed"),
        ({"snapshots_changed": 0}, "changed"),
        ({"guid": 8}, "unknown"),
        ({"name": "tank/b"}, "unknown"),
    ],
)
def test_same_state_is_current_and_another_is_not(changes, where):
    """Only guid, origin and `snapshots_changed` together tell that nothing has changed; another guid is another dataset."""
    dataset = replace(DATASET, **changes)

    sifted = sift([dataset], {"tank/a": KNOWN}, 60.0)

    assert list(getattr(sifted, where)) == [dataset.name]
    assert sum(len(one) for one in (sifted.current, sifted.changed, sifted.unknown)) == 1


def test_never_changed_is_good_for_what_has_no_snapshots_only():
    """Old pools forget the time: what says 0 and has snapshots is listed each time."""
    nothing, something = replace(KNOWN, changed=0, snapshots=()), replace(KNOWN, changed=0)

    assert nothing.is_current
    assert not something.is_current
    assert not replace(nothing, changed=None).is_current


@pytest.mark.parametrize(("later", "trusted"), [(0.0, False), (1.99, False), (SETTLED_AFTER_SECONDS, True)])
def test_listing_settles_what_was_seen_long_enough_before_it(later, trusted):
    """The time that counts is from the first look at the state to the beginning of the listing."""
    assert listed(replace(KNOWN, settled=False), SHOTS, 50.0 + later).settled is trusted


def test_brief_listing_is_completed_by_guid():
    """A renamed snapshot is the same one; a bookmark is as old as its snapshot; what is unknown is named."""
    known = replace(KNOWN, snapshots=(shot(1, ivsetguid=11, holds=1), shot(2, ivsetguid=12)))
    briefs = [Brief("@new name", 1, 1), Brief("@s3", 3, 3), Brief("#mark", 2, 2), Brief("#s3", 3, 3)]

    found = recall(known, briefs)

    assert found.points == (
        replace(shot(1, ivsetguid=11, holds=1), name="new name"),
        Bookmark(name="mark", guid=2, createtxg=2, creation=2, ivsetguid=12),
    )
    assert found.missing == ("@s3", "#s3")


def test_nothing_is_held_in_the_boldest_view():
    """Holds and clones vanish, and all else stays."""
    tree = Tree(
        root="tank/a", datasets={"": replace(DATASET, snapshots=(shot(1, holds=2), shot(2, clones=("x",)), shot(3)))}
    )

    assert unguarded(tree).datasets[""].snapshots == (shot(1), shot(2), shot(3))
    assert unguarded(unguarded(tree)) == unguarded(tree)


def step(kind, to, base=None):
    return Step(kind=kind, source="tank/a", target="vault/a", dataset_kind=Kind.FILESYSTEM, to=to, base=base)


SOURCE = replace(DATASET, snapshots=SHOTS)


@pytest.mark.parametrize(
    ("before", "steps", "brought"),
    [
        ((), [step("full", SHOTS[0]), step("range", SHOTS[3], SHOTS[0])], SHOTS[:4]),
        (SHOTS[:2], [step("incremental", SHOTS[4], SHOTS[1])], SHOTS[4:]),
        (SHOTS[:1], [step("resume", SHOTS[1], SHOTS[0]), step("range", SHOTS[4], SHOTS[1])], SHOTS[1:]),
        (SHOTS[:3], [step("incremental", SHOTS[4], SHOTS[1])], None),  # something newer was there: it was rolled back
        (SHOTS[:3], [step("full", SHOTS[4])], None),  # another dataset stood there
        ((), [step("incremental", SHOTS[4], SHOTS[1])], None),
        (SHOTS[:1], [step("range", shot(9), SHOTS[0])], None),  # not as it was listed
    ],
)
def test_replica_grows_by_what_arrived_on_top_of_it(before, steps, brought):
    """Only what builds on the newest snapshot tells what a replica has now."""
    steps = [replace(one, kind=StepKind(one.kind)) for one in steps]

    assert grown(before, steps, SOURCE) == brought


def test_own_work_explains_a_change_of_its_own_time_only():
    """A change before the run or after the last step is somebody else's."""
    arrivals = Arrivals(1000.5, 1010.5, ())

    assert [arrivals.explain(at) for at in (None, 999, 1000, 1010, 1011)] == [False, False, True, True, False]
    assert [settled(1010, at) for at in (1010.5, 1011.9, 1012.0)] == [False, False, True]
    assert not settled(None, 5000.0)
