"""A replica that is away for a while: its pool is not plugged in, or somebody has set it aside; its base waits for it."""

import pytest

from tests.contract.actions import Create, Destroy, DestroySnapshots, Rename, Snapshot, Write
from tests.contract.test_cursors import THIS, bookmarks, guid_of, holds, owner
from tests.contract.world import assert_equal
from zfspull.events import DatasetFailed, Outcome, TransferFinished, TransferStarted
from zfspull.plan.leftovers import Use, Whose
from zfspull.pull.cursor import MAX_UNPROVEN
from zfspull.pull.leftovers import list_leftovers


SIZE = 1_000_000


@pytest.mark.parametrize("cursor", ["auto", "bookmark"])
async def test_p5_chain_goes_on_when_the_pool_is_plugged_in_again(world, cursor):
    """While the target's pool is away a run fails before it touches the source's marks, and the base is still there after."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run(cursor=cursor)
    base = await bookmarks(world)
    await world.on_source(Write(""), Snapshot("", "two"), Snapshot("", "three"), DestroySnapshots("", ("one",)))
    await world.unplug_target()
    try:
        away = await world.run(cursor=cursor)
        told = world.events.one(DatasetFailed)
        begun = world.events.of(TransferStarted)
        left = await bookmarks(world)
        found = await list_leftovers(world.job(), world.context(), ours=[owner(world).tag])
    finally:
        await world.plug_target()

    finished = await world.run(cursor=cursor)

    assert (away.outcome, away.reason, begun) == (Outcome.FAILED, "pool_missing", [])
    assert "is not imported" in told.message
    assert left == base
    assert [(one.whose, one.use) for one in found] == [(Whose.OURS, Use.UNKNOWN)]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two", "three"]
    await assert_equal(world, ("", "three"))


async def set_aside(world, path, *, back=False):
    """Rename a replica out of its tree, which lies below another dataset, or back into it."""
    root, world.target_root = world.target_root, world.target_root.rpartition("/")[0]
    inside = f"{root.rpartition('/')[2]}/{path}"
    await world.on_target(Rename("away", inside) if back else Rename(inside, "away"))
    world.target_root = root


@pytest.mark.parametrize("cursor", ["auto", "bookmark"])
async def test_p5_replica_that_was_set_aside_goes_on_when_it_is_put_back(world, cursor):
    """A first send in its place that came to nothing has not cost it its base, and leaves no cursor once it goes on."""
    world.machine = THIS
    world.target_root += "/replica"
    await world.on_source(Create(""), Create("ann"), Write("ann"), Snapshot("", "one", recursive=True))
    await world.run(cursor=cursor)
    await world.on_source(DestroySnapshots("ann", ("one",)), Write("ann", size=SIZE), Snapshot("ann", "two"))
    await set_aside(world, "ann")
    await world.cut_send(SIZE // 2)
    cut = await world.run(cursor=cursor)
    await world.on_target(Destroy("ann"))
    await set_aside(world, "ann", back=True)

    finished = await world.run(cursor=cursor)

    assert cut.outcome is Outcome.PARTIAL
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert [event.kind for event in world.events.of(TransferFinished)] == ["incremental"]
    assert await world.names("ann") == ["one", "two"]
    assert await bookmarks(world, "ann") == [owner(world).bookmark(await guid_of(world, "two", "ann"))]
    assert await holds(world, "ann") == []
    await assert_equal(world, ("ann", "two"))


async def test_p5_new_replica_takes_the_place_of_one_that_was_set_aside(world):
    """Once a first send has arrived in its place, the cursors of the replica that is away go."""
    world.machine = THIS
    world.target_root += "/replica"
    await world.on_source(Create(""), Create("ann"), Write("ann"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(DestroySnapshots("ann", ("one",)), Snapshot("ann", "two"), Snapshot("ann", "three"))
    await set_aside(world, "ann")

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await bookmarks(world, "ann") == [owner(world).bookmark(await guid_of(world, "three", "ann"))]


async def cursors(world, path):
    """All that is left for a dataset, bookmarks and holds."""
    return [*await bookmarks(world, path), *(name for name, _ in await holds(world, path))]


@pytest.mark.parametrize(
    "verbs", [("bookmark", "destroy"), ("bookmark", "destroy", "hold", "release"), ("hold", "release")]
)
async def test_p4_first_sends_that_fail_pile_up_no_cursors(memory_world, verbs):
    """However often a first send of yet another snapshot fails, few cursors are left, and that of the base is one."""
    world = memory_world
    world.machine = THIS
    await world.permit(*verbs)
    await world.on_source(Create(""), Create("ann"), Write("ann"), Snapshot("", "one", recursive=True))
    await world.run(initial="newest")
    (base,) = await cursors(world, "ann")
    if "bookmark" in verbs:
        await world.on_source(DestroySnapshots("ann", ("one",)))
    replica = world.target_pools.nodes.pop(f"{world.target_root}/ann")
    await world.fill_target(left_bytes=0)
    for number in range(3 * MAX_UNPROVEN):
        await world.on_source(Write("ann"), Snapshot("ann", f"try {number}"))
        assert (await world.run(initial="newest")).outcome is Outcome.PARTIAL
        world.target_pools.nodes.pop(f"{world.target_root}/ann", None)
    left, held = await cursors(world, "ann"), await holds(world, "ann")
    await world.fill_target(left_bytes=None)

    world.target_pools.nodes[replica.name] = replica
    finished = await world.run()

    assert base in left
    assert len(left) <= 2 * MAX_UNPROVEN
    assert len(held) <= MAX_UNPROVEN
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert len(await cursors(world, "ann")) == 1
