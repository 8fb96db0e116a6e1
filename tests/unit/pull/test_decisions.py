"""What a run decides to destroy, whatever the two sides, the job and the books say."""

from dataclasses import dataclass

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from zfspull.config.schema import Job
from zfspull.plan.absence import Ledger, Losses, advance, look
from zfspull.plan.base import find_base
from zfspull.plan.missing import MissingAction
from zfspull.pull.prune import decide, judge
from zfspull.zfs.model import Dataset, Kind, Snapshot, Tree


DAY = 86_400.0
PATHS = ("", "a", "a/b", "c")
NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Scene:
    """Two sides after so many looks at them, a day apart."""

    source: Tree
    target: Tree
    days: int


def snapshots(number, count, **guarded):
    """So many; `guarded` has the fields of the first."""
    return tuple(
        Snapshot(
            name=f"s{at}",
            guid=number * 100 + at,
            createtxg=at,
            creation=int(NOW) - 1000 + at,
            **(guarded if at == 1 else {}),
        )
        for at in range(1, count + 1)
    )


GUARDED = st.sampled_from([{}, {}, {}, {}, {"holds": 1}, {"clones": ("v/clone",)}])
STATES = st.sampled_from([{}, {}, {}, {}, {"resume_token": "1-token"}, {"written_bytes": 512}, {"mounted": True}])
DEEDS = st.sampled_from(["some", "some", "some", "gone", "gone", "none", "other"])


@st.composite
def scenes(draw):
    source, target = {}, {}
    calm = draw(st.booleans())  # with nothing in the way, so that something happens
    for number, path in enumerate(PATHS, 1):
        here = snapshots(number, draw(st.integers(int(calm), 4)), **({} if calm else draw(GUARDED)))
        target[path] = Dataset(
            name=f"v/t/{path}".rstrip("/"),
            kind=Kind.FILESYSTEM,
            guid=number,
            snapshots=here,
            **({} if calm else draw(STATES)),
        )
        deed = draw(st.sampled_from(["some", "some", "some", "none", "other"])) if not path else draw(DEEDS)
        if deed != "gone":
            some = tuple(one for one in here if (calm and one is here[-1]) or draw(st.booleans()))
            theirs = {"some": some, "none": (), "other": snapshots(number + 50, 2)}[deed]
            source[path] = Dataset(
                name=f"t/{path}".rstrip("/"), kind=Kind.FILESYSTEM, guid=number + 900, snapshots=theirs
            )
    if not calm and draw(st.integers(0, 4)) == 0:
        del source[""]
    return Scene(
        Tree(root="t", datasets=source), Tree(root="v/t", datasets=target), draw(st.integers(1, 9)) if not calm else 9
    )


WISHES = st.fixed_dictionaries(
    {
        "mirror": st.sampled_from([{"snapshots": True, "grace": "3d"}, None, {"snapshots": False}]),
        "missing": st.sampled_from(
            [{"destroy_after": "4d"}, {"destroy_after": "1d"}, "keep", "rename_aside", {"rename_aside_after": "2d"}]
        ),
    },
    optional={
        "keep": st.sampled_from([{"last": 1}, {"matching": "^never$"}]),
        "exclude": st.sampled_from([("a/b",), ("c",)]),
    },
).map(lambda wishes: {key: value for key, value in wishes.items() if value is not None})


def job(**wishes):
    base = {"name": "job", "source": "gw:t", "target": "v/t", "recursive": True, "schedule": "manual"}
    return Job.model_validate(base | wishes)


def losses_of(scene, wishes, *, seen=True):
    """The books after the looks; before them, there may have been one at a source that had everything."""
    ledger = Ledger()
    if seen:
        ledger = advance(ledger, look(scene.target, scene.target), now=NOW - DAY)
    sight = look(scene.source, scene.target, exclude=wishes.exclude)
    for day in range(scene.days):
        ledger = advance(ledger, sight, now=NOW + day * DAY)
    return Losses(sight, ledger)


@pytest.mark.parametrize("happens", ["whole", "mirrored", "aside"])
def test_the_scenes_have_it_all(happens):
    """What the properties below speak of does happen in these scenes; else they would say nothing."""

    def seen(case):
        scene, wishes = case
        wished = job(**wishes)
        losses = losses_of(scene, wished)
        prunes = decide(wished, scene.source, scene.target, NOW, losses)
        return {
            "whole": any(prune.whole for prune in prunes),
            "mirrored": "keep" not in wishes and any(prune.destroy and not prune.whole for prune in prunes),
            "aside": any(fate.to for fate in judge(wished, scene.target, losses)),
        }[happens]

    assert find(st.tuples(scenes(), WISHES), seen, settings=settings(max_examples=2_000, database=None))


@given(scene=scenes(), wishes=WISHES)
def test_guards_are_never_broken(scene, wishes):
    """Neither base, nor newer, newest, held, cloned, nor anything beside an interrupted receive; whole datasets apart."""
    wished = job(**wishes)
    for prune in decide(wished, scene.source, scene.target, NOW, losses_of(scene, wished)):
        path = prune.dataset.removeprefix("v/t").lstrip("/")
        dataset = scene.target.datasets[path]
        if not prune.destroy:
            continue
        assert dataset.resume_token is None
        assert not any(one.holds or one.clones for one in prune.destroy)
        assert not any(path == pattern for pattern in wished.exclude)
        if prune.whole:
            continue
        assert dataset.newest not in prune.destroy
        if path in scene.source.datasets:
            base = find_base(scene.source.datasets[path], dataset).base
            assert base is not None
            assert all(one.createtxg < base.target.createtxg for one in prune.destroy)


@given(scene=scenes(), wishes=WISHES)
def test_whole_datasets_go_only_if_all_is_sure(scene, wishes):
    """The source has its root and something in common; the dataset is nowhere there; its time has come; nothing stays."""
    wished = job(**wishes)
    losses = losses_of(scene, wished)
    prunes = {
        prune.dataset.removeprefix("v/t").lstrip("/"): prune
        for prune in decide(wished, scene.source, scene.target, NOW, losses)
    }
    whole = {path for path, prune in prunes.items() if prune.whole}
    for path in whole:
        dataset = scene.target.datasets[path]
        assert wished.missing.action is MissingAction.DESTROY
        assert path
        assert path not in scene.source.datasets
        assert scene.source.exists
        assert (scene.days - 1) * DAY >= wished.missing.after_seconds
        assert not dataset.mounted
        assert not dataset.written_bytes
        assert dataset.snapshots
        assert all(other in whole for other in PATHS if other.startswith(f"{path}/"))
    assert {fate.path for fate in judge(wished, scene.target, losses) if fate.action is MissingAction.DESTROY} == whole


@given(scene=scenes(), wishes=WISHES.filter(lambda wishes: "keep" not in wishes))
def test_without_a_mirror_and_missing_nothing_goes(scene, wishes):
    """P3: what the source lost has no consequence here that the job did not ask for."""
    quiet = job(**{key: value for key, value in wishes.items() if key == "exclude"})

    assert not any(prune.destroy for prune in decide(quiet, scene.source, scene.target, NOW, losses_of(scene, quiet)))


@given(scene=scenes(), wishes=WISHES.filter(lambda wishes: "keep" not in wishes))
def test_nothing_goes_within_the_grace(scene, wishes):
    """A mirror or `missing` destroys nothing before the time that it was given."""
    wished = job(**wishes)
    grace = wished.mirror_grace_seconds
    seen_days = scene.days - 1
    for prune in decide(wished, scene.source, scene.target, NOW, losses_of(scene, wished)):
        if prune.whole:
            assert seen_days * DAY >= wished.missing.after_seconds
        elif prune.destroy:
            assert grace is not None
            assert seen_days * DAY >= grace
    # And without any books, not ever.
    assert not any(prune.destroy for prune in decide(wished, scene.source, scene.target, NOW))


@given(scene=scenes(), wishes=WISHES)
def test_a_mirror_never_destroys_more_than_the_rules_alone(scene, wishes):
    """Beside keep rules a mirror is one more rule: it keeps."""
    both = job(**{**wishes, "keep": {"last": 1}, "mirror": {"snapshots": True, "grace": "3d"}})
    alone = job(**{**wishes, "keep": {"last": 1}, "mirror": {"snapshots": False}})

    def gone(wished):
        prunes = decide(wished, scene.source, scene.target, NOW, losses_of(scene, wished))
        return {one.guid for prune in prunes for one in prune.destroy}

    assert gone(both) <= gone(alone)


@given(scene=scenes(), wishes=WISHES)
def test_a_mirror_destroys_nothing_that_the_source_has(scene, wishes):
    """By guid, wherever it lies there."""
    wished = job(**{**wishes, "mirror": {"snapshots": True, "grace": "3d"}})
    there = {one.guid for dataset in scene.source.datasets.values() for one in dataset.snapshots}

    for prune in decide(wished, scene.source, scene.target, NOW, losses_of(scene, wished)):
        assert there.isdisjoint(one.guid for one in prune.destroy)
