"""A mirror of snapshots: what the source lost goes here too, after a grace; and nothing else does."""

import pytest

from tests.contract.actions import (
    Bookmark,
    Create,
    Destroy,
    DestroySnapshots,
    Hold,
    Snapshot,
    Write,
)
from tests.contract.test_words import step
from tests.contract.world import assert_equal, guids
from zfspull.events import Outcome, PruneRefused, SnapshotsDestroyed, TransferStarted
from zfspull.pull.prune import prune_job


MIRROR = {"mirror": {"snapshots": True, "grace": "2d"}, "max_destroy": "100%"}


async def four(world):
    """A replica with four snapshots, two of which the source loses."""
    await world.on_source(
        Create(""), Write(""), Snapshot("", "one"), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "three"),
        Snapshot("", "four"),
    )  # fmt: skip
    await world.run()
    await world.on_source(DestroySnapshots("", ("one", "three")))


async def test_mirror_lets_go_after_the_grace(world):
    """What is gone on the source stays for the grace, as observed by runs, then it goes: that and nothing else."""
    await four(world)

    kept = []
    for _ in range(3):
        finished = await world.run(**MIRROR)
        assert finished.outcome is Outcome.SUCCESS, finished.error
        kept.append(await world.names())
        world.later(days=1)

    assert kept == [["one", "two", "three", "four"], ["one", "two", "three", "four"], ["two", "four"]]
    assert world.events.one(SnapshotsDestroyed).names == ("one", "three")
    assert guids(await world.tree("source")) == guids(await world.tree("target"))


async def test_p3_without_a_mirror_what_the_source_lost_stays(world):
    """Deletions on the source never come here by themselves, however long they are ago."""
    await four(world)

    for _ in range(3):
        await world.run()
        world.later(days=400)

    assert await world.names() == ["one", "two", "three", "four"]


async def test_mirror_and_keep_together_destroy_what_neither_keeps(memory_world):
    """With keep rules, a mirror only ever keeps more."""
    world = memory_world
    await four(world)
    for _ in range(4):
        await world.run(keep={"last": 3}, **MIRROR)
        world.later(days=1)
    mirrored = await world.names()
    await world.run(keep={"last": 1}, **MIRROR)

    assert mirrored == ["two", "three", "four"]
    assert await world.names() == ["two", "four"]


async def test_mirror_forgets_what_is_back(memory_world):
    """Absence that ended does not count: the grace begins anew."""
    world = memory_world
    await four(world)
    await world.run(**MIRROR)
    shot = world.target_pools.find_shot(world.target_root, "one")
    world.later(days=1)
    await world.run(**MIRROR)
    node = world.source_pools.find(world.source_root)
    node.snapshots.insert(0, shot)
    world.later(days=1)
    await world.run(**MIRROR)
    node.snapshots.remove(shot)
    for _ in range(2):
        world.later(days=1)
        await world.run(**MIRROR)

    assert await world.names() == ["one", "two", "four"]


@pytest.mark.parametrize("clock_days", [5_000, -5_000])
async def test_a_clock_in_another_year_counts_as_one_day(memory_world, clock_days):
    """A clock that jumps ahead adds a day, and one that jumps back adds nothing."""
    world = memory_world
    await four(world)
    await world.run(**MIRROR)
    world.later(days=clock_days)
    await world.run(**MIRROR)
    world.later(days=-clock_days)
    await world.run(**MIRROR)

    assert await world.names() == ["one", "two", "three", "four"]


async def test_guards_hold_against_a_mirror(memory_world):
    """What is held stays, and the newest, though the source has lost both."""
    world = memory_world
    await four(world)
    await world.on_source(Bookmark("", "four", "mark"), DestroySnapshots("", ("four",)))
    await world.on_target(Hold("", "one"))
    for _ in range(5):
        await world.run(**MIRROR)
        world.later(days=1)

    assert await world.names() == ["one", "two", "four"]


async def test_more_than_max_destroy_pauses_a_mirror(world):
    """A mirror that would destroy too much destroys nothing, until a person confirms; then it does."""
    await four(world)
    limited = {**MIRROR, "max_destroy": 1}
    for _ in range(3):
        finished = await world.run(**limited)
        world.later(days=1)
    refused = world.events.one(PruneRefused)
    paused = await world.names()
    report = await prune_job(world.job(**limited), world.context(), run_id="run", confirmed=True)

    assert finished.outcome is Outcome.REFUSED
    assert (refused.count, refused.limit) == (2, 1)
    assert paused == ["one", "two", "three", "four"]
    assert report.destroyed == 2
    assert await world.names() == ["two", "four"]


async def test_dry_run_counts_no_time(memory_world):
    """A look, however often, changes nothing, the books included."""
    world = memory_world
    await four(world)
    await world.run(**MIRROR)
    before = world.books.load("job")
    for _ in range(5):
        world.later(days=1)
        await prune_job(world.job(**MIRROR), world.context(), run_id="run", dry_run=True)

    assert world.books.load("job") == before
    assert await world.names() == ["one", "two", "three", "four"]


async def test_half_filled_mirror_of_a_pool_converges(pool_world):
    """What an unfinished `zfs send -R` of a pool left becomes its mirror in one pull; what is there is not sent again.

    Datasets missing, outdated and half received, volumes and filesystems nested, snapshots by hand and by a tool, gone
    on either side.
    """
    world = pool_world
    big, small = 1_000_000, 5_000
    files, volumes = ("", "home", "home/ann", "home/late", "vm"), ("vm/disk", "home/ann/swap")
    await world.on_source(
        *(Create(path) for path in files[1:]), *(Create(path, volume=True) for path in volumes),
        *(Write(path, size=big) for path in files), *(Write(path, size=big, volume=True) for path in volumes),
        Snapshot("", "by-hand"), Snapshot("", "auto_1", recursive=True), Write("home", size=small),
        Snapshot("", "auto_2", recursive=True),
    )  # fmt: skip
    await world.replicate("send")
    await world.on_target(
        DestroySnapshots("home", ("auto_2",)), DestroySnapshots("vm/disk", ("auto_1",)), Destroy("home/late"),
    )  # fmt: skip
    begun = await world.stream("home/late", "auto_1", raw=True)
    await world.receive(step(world, "home/late", to="auto_1"), begun[: len(begun) * 4 // 5])
    await world.on_source(
        DestroySnapshots("home/ann", ("auto_1",)), DestroySnapshots("", ("by-hand",)), Write("vm", size=small),
        *(Write(path, size=small, volume=True) for path in volumes), Create("new"), Write("new", size=small),
        Snapshot("", "auto_3", recursive=True),
    )  # fmt: skip

    finished = await world.run(resolve={"target_modified": "rollback"}, **MIRROR)
    kinds = {(event.dataset.removeprefix(world.target_root), event.kind) for event in world.events.of(TransferStarted)}
    source, target = await world.tree("source"), await world.tree("target")
    for _ in range(3):
        world.later(days=1)
        last = await world.run(resolve={"target_modified": "rollback"}, **MIRROR)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert {path: dataset.newest.guid for path, dataset in source.datasets.items()} == {
        path: dataset.newest.guid for path, dataset in target.datasets.items()
    }
    assert ("/home/late", "resume") in kinds
    assert finished.received_bytes < big  # of seven of them
    assert last.outcome is Outcome.SUCCESS, last.error
    assert last.steps == 0
    # All that the source has is here, and nothing else; a hole in the past of a replica can't be filled by ZFS.
    expected = guids(source)
    expected["vm/disk"] = [point for point in expected["vm/disk"] if point[0] != "auto_1"]
    assert guids(await world.tree("target")) == expected
    await assert_equal(world, *((path, "auto_3") for path in (*files, *volumes, "new")))
