"""Datasets that the source lost: told of, kept, and destroyed or renamed aside only as the job says."""

import pytest

from tests.contract.actions import (
    Clone,
    Create,
    Destroy,
    Hold,
    Rename,
    Snapshot,
    Write,
    WriteReplica,
)
from tests.contract.world import guids
from zfspull.errors import LocalResourceError, TransientError
from zfspull.events import (
    DatasetDestroyed,
    DatasetObserved,
    DatasetRefused,
    Noticed,
    Outcome,
    PruneRefused,
    Resolved,
    SnapshotsDestroyed,
)
from zfspull.plan.missing import MissingAction
from zfspull.pull.prune import prune_job


DESTROY = {"missing": {"destroy_after": "2d"}, "max_destroy": "100%"}


async def lost(world, *paths, extra=()):
    """A replica of a small tree, seen by one run, of which the source then loses some."""
    await world.on_source(
        Create(""), Create("a"), Create("a/b"), Create("a/b/c"), Create("disk", volume=True), Write("a/b"), *extra,
        *(Snapshot("", name, recursive=True) for name in ("one", "two")),
    )  # fmt: skip
    first = await world.run()
    assert first.outcome is Outcome.SUCCESS, first.error
    await world.on_source(*(Destroy(path) for path in paths))


async def days(world, number, **fields):
    """So many runs a day apart; returns the last."""
    for _ in range(number):
        finished = await world.run(**fields)
        world.later(days=1)
    return finished


def reasons(world):
    return {event.dataset.removeprefix(world.target_root): event.message for event in world.events.of(Noticed)}


async def test_missing_datasets_are_told_of_and_kept_for_ever(world):
    """By default they stay with all that they have; their age is told, and once that they are gone."""
    await lost(world, "a", "disk")
    before = guids(await world.tree("target"))

    await world.run()
    notices = world.events.of(Noticed)
    world.later(days=1)
    finished = await days(world, 10)
    ages = {
        event.dataset.removeprefix(world.target_root): event.missing_seconds
        for event in world.events.of(DatasetObserved)
    }

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert guids(await world.tree("target")) == before
    assert sorted(event.dataset.removeprefix(world.target_root) for event in notices) == [
        "/a",
        "/a/b",
        "/a/b/c",
        "/disk",
    ]
    assert {event.reason for event in notices} == {"dataset_missing"}
    assert not world.events.of(Noticed)
    assert ages.pop("") is None
    assert set(ages) == {"/a", "/a/b", "/a/b/c", "/disk"}
    assert all(9.9 * 86_400 < age < 10.1 * 86_400 for age in ages.values())


async def test_missing_datasets_are_destroyed_after_their_time(world):
    """Leaf first, with exactly the snapshots that were listed, and nothing beside them."""
    await lost(world, "a", "disk", extra=(Create("ab"), Create("stays")))

    await days(world, 2, **DESTROY)
    before = set((await world.tree("target")).datasets)
    finished = await world.run(**DESTROY)
    destroyed = [event.dataset.removeprefix(world.target_root) for event in world.events.of(DatasetDestroyed)]
    again = await world.run(**DESTROY)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert before == {"", "a", "a/b", "a/b/c", "ab", "disk", "stays"}
    assert set((await world.tree("target")).datasets) == {"", "ab", "stays"}
    assert destroyed == ["/disk", "/a/b/c", "/a/b", "/a"]
    assert finished.destroyed == 8
    assert (again.outcome, again.destroyed) == (Outcome.SUCCESS, 0)


OBSTACLES = {
    "held": (lambda: Hold("a/b", "one"), "held"),
    "cloned": (lambda: Clone("a/b", "one", "clone"), "clone"),
    "written": (lambda: WriteReplica("a/b"), "written"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_what_stands_in_the_way_of_destroying(world, obstacle):
    """A hold, a clone, or a single byte written: the dataset stays whole with all above it, and the reason is told."""
    await lost(world, "a")
    make, text = OBSTACLES[obstacle]
    await world.on_target(make())
    before = guids(await world.tree("target"))

    finished = await days(world, 4, **DESTROY)

    after = await world.tree("target")
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert set(before) - set(after.datasets) == {"a/b/c"}
    assert {path: points for path, points in before.items() if path != "a/b/c"} == guids(after)
    assert text in reasons(world)["/a/b"]
    assert "below it stays" in reasons(world)["/a"]


async def test_what_is_below_without_being_a_replica_saves_what_is_above(world):
    """A dataset that no run has seen on the source is somebody's: it is never touched, nor what it lies in."""
    await lost(world, "a")
    await world.on_target(Create("a/mine"), Snapshot("a/mine", "precious"), Create("a/b/empty"), Create("also-mine"))
    await world.on_target(Snapshot("also-mine", "precious"))

    await days(world, 6, **DESTROY)

    left = guids(await world.tree("target"))
    assert set(left) == {"", "a", "a/b", "a/b/empty", "a/mine", "also-mine", "disk"}
    assert len(left["a"]) == len(left["a/b"]) == 2
    assert "no run has seen it" in reasons(world)["/a/mine"]


async def test_missing_datasets_count_for_max_destroy_with_everything_else(world):
    """All their snapshots count, together with those that rules give up; beyond the limit nothing at all goes."""
    await lost(world, "a/b/c")
    limited = {**DESTROY, "keep": {"last": 1}, "max_destroy": 5}

    await days(world, 2, **{**limited, "keep": None})
    before = guids(await world.tree("target"))
    finished = await world.run(**limited)
    refused = world.events.one(PruneRefused)
    paused = guids(await world.tree("target"))
    dry = await prune_job(world.job(**limited), world.context(), run_id="run", dry_run=True)
    report = await prune_job(world.job(**limited), world.context(), run_id="run", confirmed=True)

    assert finished.outcome is Outcome.REFUSED
    assert (refused.count, refused.limit) == (6, 5)  # two with the dataset, one each of the four others
    assert paused == before
    assert [(fate.path, fate.action) for fate in dry.missing] == [("a/b/c", MissingAction.DESTROY)]
    assert (dry.destroyed, report.destroyed) == (6, 6)
    assert {path: len(points) for path, points in guids(await world.tree("target")).items()} == {
        "": 1, "a": 1, "a/b": 1, "disk": 1,
    }  # fmt: skip


async def test_missing_datasets_are_renamed_aside(world):
    """With all below them, complete; from then on nothing touches them, and one of the same name may come."""
    await lost(world, "a")
    aside = {"missing": {"rename_aside_after": "2d"}, "keep": {"last": 1}, "max_destroy": "100%"}
    before = (await world.tree("target")).datasets["a"]

    await days(world, 3, **aside)
    moved = world.events.one(Resolved)
    await world.on_source(Create("a"), Snapshot("a", "new"))
    finished = await days(world, 8, **aside)

    name = f"a-aside-{before.guid:016x}"
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (moved.reason, moved.remedy, moved.to) == ("missing", "rename_aside", f"{world.target_root}/{name}")
    left = await world.tree("target")
    assert set(left.datasets) == {"", "a", name, f"{name}/b", f"{name}/b/c", "disk"}
    assert [one.name for one in left.datasets["a"].snapshots] == ["new"]
    assert len(left.datasets[name].snapshots) == 1  # what the keep rules left before


async def test_a_renamed_dataset_is_not_missing(world):
    """What the source has under another name is refused as renamed, and never destroyed."""
    await lost(world)
    await world.on_source(Rename("a", "elsewhere"))

    await days(world, 5, **DESTROY)

    assert {"a", "a/b", "a/b/c"} <= set((await world.tree("target")).datasets)
    assert {event.reason for event in world.events.of(DatasetRefused)} >= {"renamed"}
    assert not world.events.of(Noticed)


async def test_missing_datasets_are_pruned_down_to_their_guards(memory_world):
    """Rules go on for them, and their newest snapshot stays; the mirror of snapshots does not reach them."""
    world = memory_world
    await lost(world, "a")
    mirror = {"mirror": {"snapshots": True, "grace": "1d"}, "max_destroy": "100%"}
    await days(world, 9, **mirror)
    mirrored = guids(await world.tree("target"))
    await days(world, 2, keep={"matching": "nothing"}, **mirror)

    left = await world.tree("target")
    assert len(mirrored["a"]) == 2
    assert [one.name for one in left.datasets["a"].snapshots] == ["two"]
    assert len(left.datasets[""].snapshots) == 2  # still on the source


async def test_lost_books_begin_anew(memory_world):
    """Without books nothing was ever seen on the source, so what is missing stays for good."""
    world = memory_world
    await lost(world, "a")
    world.books.ledgers.clear()

    await days(world, 9, **DESTROY)

    assert {"a", "a/b", "a/b/c"} <= set((await world.tree("target")).datasets)


async def test_a_dataset_that_comes_back_is_not_missing_any_more(memory_world):
    """Its time is forgotten."""
    world = memory_world
    await lost(world)
    node = world.source_pools.nodes.pop("tank/data/a/b/c")
    await days(world, 2, **DESTROY)
    world.source_pools.nodes[node.name] = node
    await world.run(**DESTROY)
    del world.source_pools.nodes[node.name]
    await days(world, 2, **DESTROY)

    assert "a/b/c" in (await world.tree("target")).datasets


async def test_what_changed_at_the_last_moment_stays(memory_world, monkeypatch):
    """A snapshot that came after the listing keeps the dataset, and it is a failure that the next run mends."""
    world = memory_world
    await lost(world, "a/b/c")
    await days(world, 2, **DESTROY)
    original = world.target.list_tree

    async def list_tree(root, *, recursive):
        if root.endswith("/c"):
            world.target_pools.snapshot(root, ["late"])
        return await original(root, recursive=recursive)

    monkeypatch.setattr(world.target, "list_tree", list_tree)
    finished = await world.run(**DESTROY)

    assert finished.outcome is Outcome.PARTIAL
    assert not world.events.of(SnapshotsDestroyed)
    assert await world.names("a/b/c") == ["one", "two", "late"]


async def test_zfs_destroys_no_dataset_that_anything_hangs_on(world):
    """Without -r a dataset with snapshots or children stays; one without is destroyed; one that is gone is no error."""
    await lost(world)
    root = world.target_root
    for name in ("parent", "parent/child"):
        await world.target.create_placeholder(f"{root}/{name}", stay_plain=False)

    for name in ("a/b/c", "disk", "parent"):
        with pytest.raises(TransientError) as refused:
            await world.target.destroy_dataset(f"{root}/{name}")
        assert refused.value.reason == "has_children"
    await world.target.destroy_dataset(f"{root}/parent/child")
    await world.target.destroy_dataset(f"{root}/parent/child")
    for name in (root.split("/")[0], f"{root}@one", f"{root}/a@one,two", f"{root}#mark", "-r"):
        with pytest.raises(ValueError, match=name.partition("@")[0]):
            await world.target.destroy_dataset(name)

    assert set((await world.tree("target")).datasets) == {"", "a", "a/b", "a/b/c", "disk", "parent"}


class BrokenBooks:
    """Books of which one call fails."""

    def __init__(self, books, broken):
        self.books = books
        self.broken = broken

    def __getattr__(self, name):
        if name == self.broken:
            return self._fail
        return getattr(self.books, name)

    def _fail(self, *_):
        raise LocalResourceError("the books are broken", hint="mend them", reason="books_damaged")


@pytest.mark.parametrize("broken", ["load", "save"])
async def test_trouble_with_the_books_is_told_and_stops_nothing(memory_world, broken):
    """The pull goes on, the run is a success with a notice, and nothing goes."""
    world = memory_world
    await lost(world, "a")
    world.books = BrokenBooks(world.books, broken)
    await world.on_source(Write(""), Snapshot("", "three"))

    finished = await days(world, 5, **DESTROY)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert "books_damaged" in {event.reason for event in world.events.of(Noticed)}
    assert await world.names() == ["one", "two", "three"]
    assert "a/b/c" in (await world.tree("target")).datasets
