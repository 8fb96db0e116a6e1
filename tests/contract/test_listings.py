"""Listings of what changed and no more: what `snapshots_changed` tells, and how many commands a run takes."""

import pytest

from tests.contract.actions import (
    Bookmark,
    Clone,
    Create,
    DestroySnapshots,
    Hold,
    Rename,
    Rollback,
    Snapshot,
    Write,
)
from tests.contract.world import Commands
from zfspull.events import DatasetObserved, Outcome, SnapshotsDestroyed
from zfspull.pull import side
from zfspull.zfs.model import Brief


async def changed(world, at="source"):
    """By path: when the snapshots of each dataset were changed last."""
    end, root = (world.source, world.source_root) if at == "source" else (world.target, world.target_root)
    tree = await end.listings.datasets(root, recursive=True)
    return {path: dataset.snapshots_changed for path, dataset in tree.datasets.items()}


async def test_snapshots_made_and_destroyed_move_the_time(world):
    """The time of the last change is that of the dataset alone, in whole seconds, and 0 before the first one."""
    await world.on_source(Create(""), Create("a"))
    never = await changed(world)
    await world.on_source(Snapshot("", "one", recursive=True), Snapshot("a", "two"))
    first = await changed(world)
    await world.wait(2)
    await world.on_source(DestroySnapshots("a", ("one",)))
    second = await changed(world)

    assert never == {"": 0, "a": 0}
    assert 0 < first[""] <= first["a"] < second["a"]
    assert second[""] == first[""]


async def test_what_is_no_change_of_snapshots_does_not_move_it(world):
    """Bookmarks, holds, clones, writes and renames of the dataset leave it: none of them may be taken for known."""
    await world.on_source(Create(""), Create("a"), Snapshot("a", "one"))
    before = await changed(world)
    await world.wait(2)
    await world.on_source(
        Bookmark("a", "one", "mark"), Hold("a", "one"), Clone("a", "one", "clone"), Write("a"), Rename("a", "b"),
    )  # fmt: skip

    after = await changed(world)

    assert (after["b"], after["clone"]) == (before["a"], 0)


async def test_rollback_over_snapshots_moves_it(world):
    """It destroys the newer ones."""
    await world.on_source(Create(""), Snapshot("", "one"), Snapshot("", "two"))
    before = await changed(world)
    await world.wait(2)
    await world.on_source(Rollback("", "one"))

    assert (await changed(world))[""] > before[""]


async def test_receive_moves_it_on_the_target(world):
    """Every snapshot that arrives is a change there, in full and by increment."""
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    first = await changed(world, "target")
    await world.wait(2)
    await world.on_source(Write("a"), Snapshot("a", "two"))
    await world.run()

    second = await changed(world, "target")

    assert second["a"] > first["a"] > 0
    assert second[""] == first[""]


async def test_points_are_listed_in_brief_in_full_and_by_name(world):
    """All three show the same snapshots and bookmarks, of the datasets that were meant and of no others."""
    await world.on_source(
        Create(""), Create("with space"), Create("with space/below"), Snapshot("", "one", recursive=True),
        Snapshot("with space", "two words"), Bookmark("with space", "one", "mark"), Hold("with space", "one"),
    )  # fmt: skip
    root, listings = world.source_root, world.source.listings
    names = [root, f"{root}/with space"]
    tree = (await world.tree("source")).datasets
    full = {root: tree[""].points, f"{root}/with space": tree["with space"].points}

    assert await listings.fully(names, below=None) == await listings.fully(names, below=root) == full
    brief = {name: {Brief(one.mark, one.guid, one.createtxg) for one in points} for name, points in full.items()}
    for below in (None, root):
        found = await listings.briefly(names, below=below)
        assert {name: set(points) for name, points in found.items()} == brief
    marks = {f"{root}/with space{one.mark}": one for one in tree["with space"].points}
    assert await listings.named([*marks, f"{root}@gone"]) == marks
    assert await listings.named([f"{root}@gone"]) == {}
    assert f"{root}/with space" in await listings.briefly([f"{root}/gone", f"{root}/with space"], below=None)


async def test_datasets_by_name_are_listed_as_all_are(world):
    """Asked by name, each has the same line, nothing below is looked for, and if one is gone none is told."""
    await world.on_source(Create(""), Create("a"), Create("a/below"), Write("a"), Snapshot("", "one", recursive=True))
    await world.run()
    root, listings = world.target_root, world.target.listings
    tree = (await listings.datasets(root, recursive=True)).datasets

    only = await listings.only(root, [f"{root}/a", root])

    assert only.datasets == {"": tree[""], "a": tree["a"]}
    assert await listings.only(root, [root, f"{root}/gone", f"{root}/a"]) is None
    assert await listings.only(root, [f"{root}/gone"]) is None
    assert await listings.only("zfspull-no-such-pool/x", ["zfspull-no-such-pool/x"]) is None


async def test_what_lies_where_something_new_would_come_is_seen(world):
    """A dataset that somebody made in the replica is found before anything is received there, and kept."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await settled(world)
    await world.on_source(Create("new"), Write("new"), Snapshot("new", "one"))
    await world.on_target(Create("new"), Snapshot("new", "theirs"))
    world.count()

    finished = await world.run()

    assert finished.outcome is Outcome.REFUSED, finished.error
    assert "no snapshot or bookmark in common" in finished.error, finished.error
    assert [one.name for one in (await world.tree("target")).datasets["new"].snapshots] == ["theirs"]
    assert world.count().target <= 5


async def settled(world, **job):
    """Runs until everything is known."""
    for _ in range(3):
        await world.wait(2.5)
        finished = await world.run(**job)
        assert finished.outcome is Outcome.SUCCESS, finished.error
    world.count()


TREE = ("", *(f"d{number}" for number in range(1, 6)))


async def a_tree(world):
    await world.on_source(*(Create(path) for path in TREE), Snapshot("", "one", recursive=True))
    await world.run()
    await settled(world)


@pytest.mark.parametrize("few", [0, side.FEW_POINTS])
async def test_one_change_costs_a_listing_of_that_dataset(world, monkeypatch, few):
    """Of a tree in which one dataset changed, that one is listed; the rest is known on both sides."""
    monkeypatch.setattr(side, "FEW_POINTS", few)
    await a_tree(world)
    await world.on_source(Snapshot("d3", "two"))

    finished = await world.run()
    counted = world.count()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 1), finished.error
    assert await world.names("d3") == ["one", "two"]
    # Datasets, what changed, in full what is new; the stream. Here: datasets; receive, look; datasets, what arrived.
    assert counted.source <= 3 + (few == 0)
    assert counted.target <= 5
    seen = {event.dataset: event.snapshots for event in world.events.of(DatasetObserved)}
    assert seen[f"{world.target_root}/d3"] == 2


async def test_commands_for_listings_do_not_grow_with_what_changed(world):
    """If all datasets changed, no more commands are taken for listings than if one did."""
    await a_tree(world)
    await world.on_source(Snapshot("", "two", recursive=True))

    finished = await world.run()
    counted = world.count()

    assert finished.steps == len(TREE), finished.error
    assert counted.source - len(TREE) <= 3
    assert counted.target - 2 * len(TREE) <= 3
    await settled(world)
    await world.run()
    assert world.count() == Commands(source=1, target=1)


async def test_p1_what_is_held_since_it_was_listed_stays(world):
    """A hold leaves no trace in what is known; whatever is to be destroyed is listed in full at that moment."""
    await world.on_source(Create(""), *(Snapshot("", name) for name in ("one", "two", "three")))
    await world.run()
    await settled(world)
    await world.on_target(Hold("", "one"))

    finished = await world.run(keep={"last": 1})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert [event.names for event in world.events.of(SnapshotsDestroyed)] == [("two",)]
    assert await world.names() == ["one", "three"]


async def test_refusal_rests_on_what_is_there_now(world):
    """A bookmark leaves no trace in what is known; before a dataset is refused for want of a base, it is looked for."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await settled(world)
    await world.on_source(Bookmark("", "one", "mark"), Write(""), Snapshot("", "two"), DestroySnapshots("", ("one",)))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two"]
