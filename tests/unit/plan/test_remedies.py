"""What a job has done about refusals: only what it allows, and nothing that a guard forbids."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.config.schema import Job
from zfspull.config.values import Resolutions
from zfspull.plan.policy import REMEDIES, Policy
from zfspull.plan.remedies import aside_name, is_aside
from zfspull.plan.steps import Reason, RemedyKind
from zfspull.plan.tree import plan_tree
from zfspull.zfs.model import Dataset, Kind, Snapshot, Tree
from zfspull.zfs.names import join


PATHS = ("", "a", "a/b", "c", "a-aside-0123456789abcdef")
REASONS = st.sets(st.sampled_from(sorted(REMEDIES))).map(frozenset)


def snapshot(guid, **fields):
    return Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=guid, **fields)


@st.composite
def datasets(draw, *, pool):
    encrypted = draw(st.booleans())
    guids = sorted(draw(st.sets(st.integers(1, 6), max_size=5)))
    return Dataset(
        name=pool,
        kind=draw(st.sampled_from(Kind)),
        guid=draw(st.integers(1, 2**63)),
        encryption_root=pool if encrypted else None,
        key_available=draw(st.booleans()) if encrypted else None,
        written_bytes=draw(st.sampled_from([0, 512])),
        snapshots=tuple(
            snapshot(
                guid,
                ivsetguid=draw(st.integers(1, 2)) if encrypted else None,
                holds=draw(st.sampled_from([0, 0, 1])),
            )
            for guid in guids
        ),
    )


@st.composite
def trees(draw, *, pool):
    present = draw(st.sets(st.sampled_from(PATHS)))
    whole = [path for path in PATHS if path in present and not ({"", "a"} & set(_above(path)) - present)]
    return Tree(root=pool, datasets={path: replace(draw(datasets(pool=pool)), name=join(pool, path)) for path in whole})


def _above(path):
    parts = path.split("/") if path else []
    return ["/".join(parts[:length]) for length in range(len(parts))]


@given(trees(pool="tank"), trees(pool="vault"), REASONS)
def test_nothing_is_resolved_that_the_job_does_not_allow(source, target, allowed):
    """A remedy has a reason that the job names, is the one way for it, and comes with no refusal."""
    for plan in plan_tree(source, target, Policy(resolve=allowed)).datasets:
        if plan.remedy is not None:
            assert plan.remedy.reason in allowed
            assert plan.remedy.kind is REMEDIES[plan.remedy.reason]
            assert plan.refusal is None


@given(trees(pool="tank"), trees(pool="vault"), REASONS)
def test_what_a_remedy_destroys_comes_after_the_base_and_is_not_held(source, target, allowed):
    """Only a rollback destroys, and just what it says: snapshots after the base that nobody holds."""
    for plan in plan_tree(source, target, Policy(resolve=allowed)).datasets:
        if plan.remedy is None or plan.remedy.kind is not RemedyKind.ROLLBACK:
            assert plan.remedy is None or plan.remedy.destroys == ()
            continue
        replica = next(dataset for dataset in target.datasets.values() if dataset.name == plan.remedy.dataset)
        after = [one for one in replica.snapshots if one.createtxg > plan.base.createtxg]
        assert plan.remedy.to == plan.base.name
        assert list(plan.remedy.destroys) == after
        assert plan.remedy.total == len(replica.snapshots)
        assert not any(one.holds for one in after)


@given(trees(pool="tank"), trees(pool="vault"), REASONS)
def test_what_is_resolved_would_have_been_refused(source, target, allowed):
    """Whatever needs no decision is planned the same with and without `resolve`, and only what was refused has a remedy."""
    resolved = plan_tree(source, target, Policy(resolve=allowed))
    refused = {plan.path: plan for plan in plan_tree(source, target, Policy()).datasets}

    for plan in resolved.datasets:
        if plan.remedy is not None:
            assert refused[plan.path].refusal is not None
    if not any(plan.remedy for plan in resolved.datasets):
        assert [plan.steps for plan in resolved.datasets] == [plan.steps for plan in refused.values()]


@given(trees(pool="tank"), trees(pool="vault"))
def test_every_step_has_a_place(source, target):
    """With all remedies allowed, each dataset that a step creates has its parent there, made, moved, or a placeholder."""
    plan = plan_tree(source, target, Policy(resolve=frozenset(REMEDIES)))
    aside = [one.remedy.dataset for one in plan.datasets if one.remedied_by(RemedyKind.RENAME_ASIDE)]
    gone = [one.remedy.dataset for one in plan.datasets if one.remedied_by(RemedyKind.RENAME)] + aside
    there = {dataset.name for dataset in target.datasets.values() if not _within(dataset.name, gone)}
    there |= {one.target for one in plan.datasets if one.steps or one.remedy} | {"vault", *plan.placeholders}
    for one in plan.datasets:
        if one.creates and "/" in one.target:
            above = one.target.rpartition("/")[0]
            moved = any(
                _within(above, [other.target]) for other in plan.datasets if other.remedied_by(RemedyKind.RENAME)
            )
            assert above in there or moved, (one, plan)


def _within(name, roots):
    return any(name == root or name.startswith(f"{root}/") for root in roots)


@given(datasets(pool="vault/x"))
def test_what_is_renamed_aside_is_known_by_its_name(dataset):
    """The name aside tells itself, and what lies below it; the name before does not."""
    assert is_aside(aside_name(dataset))
    assert is_aside(f"{aside_name(dataset)}/below")
    assert not is_aside(dataset.name)
    assert not is_aside(f"{dataset.name}-aside-house")


BASE = {"name": "job", "source": "gw:tank/x", "target": "vault/x", "schedule": "manual"}


@pytest.mark.parametrize("reason", Reason)
def test_the_configuration_takes_exactly_the_remedies_that_there_are(reason):
    """`resolve` takes each reason of the table with its one remedy, no other remedy, and no other reason."""
    for remedy in RemedyKind:
        value = {"resolve": {reason.value: remedy.value}}
        if REMEDIES.get(reason) is remedy:
            assert Job.model_validate(BASE | value).policy.resolve == {reason}
        else:
            with pytest.raises(ValueError, match="resolve"):
                Job.model_validate(BASE | value)


def test_the_schema_for_editors_has_the_same_table():
    """What an editor offers for `resolve` is the table of remedies."""
    schema = next(part.json_schema for part in Resolutions.__metadata__ if hasattr(part, "json_schema"))

    offered = {reason: value["const"] for reason, value in schema["properties"].items()}
    assert offered == {reason.value: remedy.value for reason, remedy in REMEDIES.items()}
