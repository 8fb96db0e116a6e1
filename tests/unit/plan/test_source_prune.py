from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.base import find_base
from zfspull.plan.policy import Policy
from zfspull.plan.retention import Keep, Retention, RuleSet, decide
from zfspull.plan.source_prune import SourceRules, plan_source_prune
from zfspull.zfs.model import Bookmark, Dataset, Kind, Snapshot


UTC = ZoneInfo("UTC")
HOUR, DAY = 3_600, 86_400
NOW = 1_800_000_000
START = NOW - 100 * DAY
PARTIAL = "1-a-b-c"


def shot(number, pool=1, **fields):
    """The snapshot of that number as one of two pools has it: they count transaction groups each in their own way."""
    return Snapshot(
        name=f"{fields.pop('prefix', 's')}{number}",
        guid=number,
        createtxg=10 * number + 1000 * pool,
        creation=fields.pop("creation", START + number * DAY),
        **fields,
    )


def dataset(snapshots, **fields):
    return Dataset(name="tank/home", kind=Kind.FILESYSTEM, guid=7, snapshots=tuple(snapshots), **fields)


def retention(keep):
    return None if keep is None else Retention((RuleSet(keep),))


def rules(keep_source=None, keep=None, match=None, lag=None):
    return SourceRules(
        keep_source=retention(keep_source or Keep(matching=("^never$",))),
        keep=retention(keep),
        policy=Policy(match=match),
        zone=UTC,
        max_lag_seconds=lag,
    )


def plan(source, target, given=None, **fields):
    return plan_source_prune(source, target, given or rules(), now=NOW, **fields)


def numbers(snapshots):
    return [snapshot.guid for snapshot in snapshots]


def on(source=(), target=()):
    """Two datasets that have those numbers."""
    return dataset(map(shot, source)), dataset(shot(number, pool=5) for number in target)


KEEPS = st.builds(Keep, last=st.integers(1, 4), daily=st.integers(0, 4), weekly=st.integers(0, 2)) | st.just(
    Keep(matching=("^never$",))
)


@st.composite
def scenes(draw):
    """What both sides may have: gaps anywhere, foreign snapshots, holds, clones, bookmarks, and clocks that jump."""
    every = range(1, draw(st.integers(0, 14)) + 1)
    source = [
        shot(
            number,
            prefix=draw(st.sampled_from(["s", "s", "foreign"])),
            holds=draw(st.sampled_from([0, 0, 0, 0, 1])),
            clones=draw(st.sampled_from([(), (), (), (), ("p/c",)])),
            creation=START + number * DAY + draw(st.sampled_from([0, 0, 0, -50 * DAY, 400 * DAY])),
        )
        for number in every
        if draw(st.sampled_from([True, True, True, False]))
    ]
    there = [shot(number, pool=5) for number in every if draw(st.booleans())]
    marks = [
        Bookmark(name=f"m{one.guid}", guid=one.guid, createtxg=shot(one.guid).createtxg, creation=one.creation)
        for one in draw(
            st.lists(st.sampled_from(there), max_size=2, unique_by=lambda one: one.guid) if there else st.just([])
        )
    ]
    token = draw(st.sampled_from([None, None, None, PARTIAL]))
    target = draw(st.sampled_from([dataset(there, resume_token=token)] * 4 + [None]))
    return dataset(draw(st.permutations(source)), bookmarks=tuple(marks)), target


@given(
    scene=scenes(),
    given=st.builds(
        rules,
        KEEPS,
        st.none() | KEEPS,
        match=st.sampled_from([None, "^s"]),
        lag=st.sampled_from([None, 0, 3 * DAY]),
    ),
    refused=st.sampled_from([False, False, False, True]),
    failed=st.booleans(),
)
def test_no_guard_is_ever_broken(scene, given, refused, failed):
    """Whatever the rules say, base, newest, held, cloned, foreign, and what has not arrived stay on the source."""
    source, target = scene

    prune = plan(source, target, given, refused=refused, failed=failed)

    assert sorted(numbers([*prune.destroy, *prune.stay])) == sorted(numbers(source.snapshots))
    assert all(prune.kept[one.guid] for one in prune.stay)
    if not prune.destroy:
        return
    base = find_base(source, target).base
    mine = [one for one in source.snapshots if given.policy.wants(one)]
    newest = max(one.createtxg for one in mine)
    behind = max(one.creation for one in mine) - base.target.creation
    late = given.max_lag_seconds is not None and behind > given.max_lag_seconds
    assert not refused
    assert target.resume_token is None
    assert late or not failed
    for one in prune.destroy:
        assert given.policy.wants(one)
        assert one.guid != base.target.guid
        assert one.createtxg < newest
        assert (one.holds, one.clones) == (0, ())
        assert late or one.createtxg < base.source.createtxg
        assert late or given.keep is not None or one.guid in numbers(target.snapshots)


@given(scene=scenes(), keep_source=KEEPS, keep=st.none() | KEEPS, match=st.sampled_from([None, "^s"]))
def test_what_the_rules_keep_stays(scene, keep_source, keep, match):
    """What a rule of `keep_source` keeps of the job's own snapshots is never destroyed."""
    source, target = scene
    given = rules(keep_source, keep, match)

    prune = plan(source, target, given)

    mine = [one for one in source.snapshots if given.policy.wants(one)]
    assert not decide(mine, keep_source, zone=UTC, now=NOW).reasons.keys() & set(numbers(prune.destroy))


@given(scene=scenes(), keep_source=KEEPS, keep=KEEPS)
def test_pruning_again_changes_nothing(scene, keep_source, keep):
    """What one prune leaves, the next one leaves too."""
    source, target = scene
    given = rules(keep_source, keep)
    left = replace(source, snapshots=plan(source, target, given).stay)

    assert plan(left, target, given).destroy == ()


@given(arrived=st.integers(1, 60), keep=KEEPS, keep_source=KEEPS, older=st.integers(0, 10))
def test_what_the_target_has_given_up_holds_up_nothing(arrived, keep, keep_source, older):
    """After everything has arrived and the target was pruned, the source keeps what its rules keep, and the guards."""
    source, target = on(range(1, arrived + 1), range(1 - older, arrived + 1))
    given_up = {*numbers(decide(target.snapshots, keep, zone=UTC, now=NOW).given_up)} - {arrived}
    left = replace(target, snapshots=tuple(one for one in target.snapshots if one.guid not in given_up))

    prune = plan(source, left, rules(keep_source, keep))

    kept = decide(source.snapshots, keep_source, zone=UTC, now=NOW).reasons.keys()
    assert set(numbers(prune.stay)) == kept | {arrived}


def test_each_guard_says_its_name():
    """Whoever asks why a snapshot stays reads it."""
    source = dataset(
        [
            shot(1), shot(2), shot(3, holds=1), shot(4, clones=("p/c",)), shot(5, prefix="foreign"), shot(6), shot(7),
            shot(8), shot(9), shot(10, prefix="foreign"),
        ]
    )  # fmt: skip
    target = dataset(shot(number, pool=5) for number in (2, 3, 4, 7))

    prune = plan(source, target, rules(match="^s"))

    assert numbers(prune.destroy) == [2]
    assert prune.kept == {
        1: ("guard: not arrived",),
        3: ("guard: held",),
        4: ("guard: cloned",),
        5: ("guard: not pulled by this job", "guard: not arrived"),
        6: ("guard: not arrived",),
        7: ("guard: base",),
        8: ("guard: newer than base", "guard: not arrived"),
        9: ("guard: newer than base", "guard: not arrived", "guard: newest"),
        10: ("guard: not pulled by this job", "guard: newer than base", "guard: not arrived", "guard: newest"),
    }


def test_dataset_in_doubt_stays_whole():
    """Refused, failed, without a replica, without a base, with an interrupted receive: nothing goes, and it says why."""
    source, target = on((1, 2, 3), (1, 2, 3))
    unrelated = dataset([shot(99, pool=5)])
    cases = [
        (plan(source, target, refused=True), "guard: refused"),
        (plan(source, target, failed=True), "guard: failed in this run"),
        (plan(source, None), "guard: base unknown"),
        (plan(source, unrelated), "guard: base unknown"),
        (plan(source, replace(target, resume_token=PARTIAL)), "guard: resume token"),
    ]

    for prune, guard in cases:
        assert prune.destroy == ()
        assert all(guard in reasons for reasons in prune.kept.values())
    assert numbers(plan(source, target).destroy) == [1, 2]


def test_what_never_arrived_goes_only_if_the_target_would_not_keep_it():
    """With `initial: newest` the older ones never arrived: those that `keep` would hold stay, in doubt all of them."""
    source, target = on(range(1, 11), (10,))

    assert numbers(plan(source, target).destroy) == []
    assert numbers(plan(source, target, rules(keep=Keep(last=3))).destroy) == [1, 2, 3, 4, 5, 6, 7]
    assert plan(source, target, rules(keep=Keep(last=3))).kept[8] == ("guard: not arrived",)


def test_a_base_that_is_left_as_a_bookmark_is_a_base():
    """Where the source has only the cursor of the base, what is older than that is older than the base."""
    bookmark = Bookmark(name="cursor", guid=3, createtxg=shot(3).createtxg, creation=shot(3).creation)
    source, target = on((1, 2, 4, 5), (1, 2, 3))

    assert numbers(plan(replace(source, bookmarks=(bookmark,)), target).destroy) == [1, 2]


def test_lag_lifts_what_is_there_for_completeness_only():
    """Beyond `max_lag_before_prune` rules thin what has not arrived, failed or not; base, newest and the rest stay."""
    source, target = on(range(1, 11), (1, 2))
    held = dataset([*(shot(number) for number in range(1, 11) if number != 5), shot(5, holds=1)])

    assert numbers(plan(source, target, rules(lag=8 * DAY)).destroy) == [1]
    assert numbers(plan(held, target, rules(lag=7 * DAY), failed=True).destroy) == [1, 3, 4, 6, 7, 8, 9]
    assert numbers(plan(source, target, rules(Keep(last=4), lag=7 * DAY)).destroy) == [1, 3, 4, 5, 6]
    assert numbers(plan(source, target, rules(lag=0), refused=True).destroy) == []
    assert numbers(plan(source, replace(target, resume_token=PARTIAL), rules(lag=0)).destroy) == []


def test_lag_is_not_proven_by_a_clock_in_another_year():
    """A source whose clock has jumped ahead does not look as if the target were far behind."""
    source, target = on(range(1, 6), (1, 2, 3))
    jumped = dataset([*source.snapshots, shot(6, creation=NOW + 5000 * DAY)])

    assert numbers(plan(jumped, target, rules(lag=7 * DAY)).destroy) == [1, 2]
