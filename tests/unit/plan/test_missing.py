from dataclasses import replace

import pytest

from tests.unit.plan.test_absence import DAY, tree
from zfspull.plan.absence import Absence, Ledger, Losses, Record, Sight
from zfspull.plan.missing import Missing, MissingAction, judge_missing
from zfspull.zfs.names import MAX_NAME_BYTES


TARGET = tree("v/t", root=[1], a=[11], a_b=[21], a_b_c=[31], d=[41])
DESTROY = Missing(MissingAction.DESTROY, 90 * DAY)
ASIDE = Missing(MissingAction.RENAME_ASIDE, 90 * DAY)


def judged(policy, *missing, target=TARGET, days=90, seen=True, exclude=()):
    """What becomes of each dataset; `missing` are the guids of those that are."""
    absence = Absence(days * DAY, 0)
    ledger = Ledger({guid: Record(seen=seen, missing=absence) for guid in missing})
    losses = Losses(Sight(missing=frozenset(missing)), ledger)
    return {fate.path: fate for fate in judge_missing(target, losses, policy, exclude=exclude)}


def changed(path, **fields):
    return replace(TARGET, datasets={**TARGET.datasets, path: replace(TARGET.datasets[path], **fields)})


def acting(fates):
    return [path for path, fate in fates.items() if fate.action is not MissingAction.KEEP]


def test_missing_datasets_stay_by_default():
    """Without a word in the job, nothing is ever done."""
    fates = judged(Missing(), 2, 3, 4, 5, days=10_000)

    assert acting(fates) == []
    assert not any(fate.obstacles for fate in fates.values())


@pytest.mark.parametrize("policy", [DESTROY, ASIDE])
def test_nothing_is_done_before_the_time_has_come(policy):
    """A second less than the time is not enough."""
    assert acting(judged(policy, 2, 3, 4, 5, days=90 - 1 / DAY)) == []
    assert acting(judged(policy, 2, 3, 4, 5)) == ["a", "a/b", "a/b/c", "d"]


def test_parents_come_first_and_are_renamed_with_all_below():
    """Only the topmost is renamed by itself."""
    fates = judged(ASIDE, 2, 3, 4)

    assert list(fates) == ["a", "a/b", "a/b/c"]
    assert fates["a"].to == f"v/t/a-aside-{2:016x}"
    assert fates["a/b"].to == fates["a/b/c"].to == ""


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        ("a/b", {"mounted": True}, "mounted"),
        ("a/b", {"resume_token": "1-a"}, "interrupted receive"),
        ("a/b", {"written_bytes": 1}, "written"),
        ("a/b", {"snapshots": (replace(TARGET.datasets["a/b"].snapshots[0], holds=1),)}, "held"),
        ("a/b", {"snapshots": (replace(TARGET.datasets["a/b"].snapshots[0], clones=("v/x",)),)}, "clone"),
        ("a/b", {"snapshots": ()}, "no snapshot"),
    ],
)
def test_each_obstacle_saves_the_dataset_and_all_above_it(path, fields, why):
    """One is enough; what lies below goes all the same, and each that stays says why."""
    fates = judged(DESTROY, 2, 3, 4, 5, target=changed(path, **fields))

    assert acting(fates) == ["a/b/c", "d"]
    assert why in fates["a/b"].obstacles[0]
    assert fates["a"].obstacles == ("something below it stays",)


@pytest.mark.parametrize("policy", [DESTROY, ASIDE])
def test_what_is_below_and_not_missing_saves_what_is_above(policy):
    """A dataset of somebody's, one that is excluded, one that is there: none is taken along."""
    assert acting(judged(policy, 2, 3)) == []
    assert acting(judged(policy, 2, 3, 4, exclude=("a/b/c",))) == []


@pytest.mark.parametrize("policy", [DESTROY, ASIDE])
def test_the_root_never_goes(policy):
    """The job's root stays, even if it could be missing."""
    assert acting(judged(policy, 1, 2, 3, 4, 5)) == ["a", "a/b", "a/b/c", "d"]


@pytest.mark.parametrize("policy", [DESTROY, ASIDE])
def test_what_no_run_has_seen_on_the_source_never_goes(policy):
    """It may be somebody's own."""
    fates = judged(policy, 2, 3, 4, 5, seen=False)

    assert acting(fates) == []
    assert "no run has seen it on the source" in fates["d"].obstacles


def test_what_lies_aside_moves_along_and_is_never_destroyed():
    """What was renamed aside before may be renamed with what it lies in; destroyed it is not."""
    name = f"a/b-aside-{3:016x}"
    datasets = {"": TARGET.datasets[""], "a": TARGET.datasets["a"], name: TARGET.datasets["a/b"]}
    target = replace(TARGET, datasets=datasets)

    assert acting(judged(ASIDE, 2, 3, target=target)) == ["a"]
    assert acting(judged(DESTROY, 2, 3, target=target)) == []


def test_a_name_that_would_be_too_long_is_not_given():
    """ZFS would refuse it."""
    long = "x" * (MAX_NAME_BYTES - 10)
    target = replace(TARGET, datasets={long: replace(TARGET.datasets["d"], name=f"v/{long}")})

    assert "longer" in judged(ASIDE, 5, target=target)[long].obstacles[0]
