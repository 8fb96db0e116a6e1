"""Names that the source uses again."""

from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.dataset import plan_dataset
from zfspull.plan.policy import Policy
from zfspull.plan.steps import Reason, StepKind
from zfspull.zfs.model import Dataset, Kind, Snapshot


BASE = Snapshot(name="base", guid=1, createtxg=1, creation=1)


@st.composite
def histories(draw, *, first_guid):
    """The base, and snapshots with names from a few, oldest first."""
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True))
    return [
        Snapshot(name=name, guid=first_guid + at, createtxg=first_guid + at, creation=1)
        for at, name in enumerate(names)
    ]


def dataset(name, snapshots):
    return Dataset(name=name, kind=Kind.FILESYSTEM, guid=len(name), snapshots=tuple(snapshots))


@given(histories(first_guid=100), histories(first_guid=200), st.sampled_from([None, "[abc]", "[ace]"]))
def test_nothing_is_sent_whose_name_the_target_has(newer, older, match):
    """Every wanted snapshot is brought, or the dataset is refused for a name of theirs that the target has for another."""
    older = [Snapshot(name=one.name, guid=one.guid, createtxg=0, creation=0) for one in older]
    source, target = dataset("tank/a", [BASE, *newer]), dataset("vault/a", [*older, BASE])
    policy = Policy(match=match)
    wanted = [one.name for one in newer if policy.wants(one)]
    taken = set(wanted) & {one.name for one in older}

    plan = plan_dataset("", source, target, target.name, policy)

    if taken:
        assert plan.refusal.reason is Reason.NAME_TAKEN
        assert not plan.steps
    else:
        assert plan.refusal is None
        assert brought(source, plan.steps) == wanted


def brought(source, steps):
    """The names that the steps leave on the target, as zfs-send(8) has it."""
    names = []
    for step in steps:
        since = step.base.createtxg if step.kind is StepKind.RANGE else step.to.createtxg - 1
        names += (one.name for one in source.snapshots if since < one.createtxg <= step.to.createtxg)
    return names
