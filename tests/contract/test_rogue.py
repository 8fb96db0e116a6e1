"""P3: a source that turned against its backups, or was turned: day after day, and nothing is lost on the target.

The job is as trusting as one can be: a mirror, missing datasets destroyed, and a single snapshot kept by rule, all after
the shortest time and without any limit in number.
"""

import pytest

from tests.contract.actions import Create, Destroy, DestroySnapshots, Snapshot, Write
from tests.contract.memory_world import MemoryWorld
from tests.contract.world import guids
from zfspull.events import DatasetDestroyed, Noticed, PruneRefused, SnapshotsDestroyed


TRUSTING = {
    "mirror": {"snapshots": True, "grace": "1h"},
    "missing": {"destroy_after": "1d"},
    "keep": {"last": 1},
    "max_destroy": "100%",
}
PATHS = ("", "a", "a/b", "c")
YEARS = 14 * 365
DAYS, REAL_DAYS = 30, 3  # of runs: what is missing would go on the second


async def all_snapshots_destroyed(world):
    await world.on_source(*(DestroySnapshots(path, ("one", "two", "three")) for path in PATHS))


async def snapshots_of_one_destroyed(world):
    await world.on_source(DestroySnapshots("a/b", ("one", "two", "three")))


async def root_gone(world):
    await world.on_source(Destroy(""))


async def another_tree(world):
    """Another pool's tree, say: of the same name, with datasets and snapshots of the same names."""
    await world.on_source(
        Destroy(""), Create(""), Create("a"), Write("a"), *(Snapshot("", name, recursive=True) for name in ("one", "two")),
    )  # fmt: skip


async def empty_datasets(world):
    """Two datasets are swapped for empty ones of the same name; one of them even has a snapshot."""
    await world.on_source(Destroy("a/b"), Create("a/b"), Destroy("c"), Create("c"), Snapshot("c", "one"))


async def clock_there(world):
    await world.set_source_clock(YEARS * 86_400)
    await world.on_source(Write("a"), Snapshot("", "from-2040", recursive=True))


async def clock_here(world):
    world.later(days=YEARS)


async def both_clocks(world):
    await clock_there(world)
    await clock_here(world)


DEEDS = (
    all_snapshots_destroyed,
    snapshots_of_one_destroyed,
    root_gone,
    another_tree,
    empty_datasets,
    clock_there,
    clock_here,
    both_clocks,
)


async def replica(world, machine=""):
    """A replica of a tree with three snapshots, pulled with every wish of the job's from the first run on."""
    world.machine = machine
    await world.on_source(*(Create(path) for path in PATHS))
    for name in ("one", "two", "three"):
        await world.on_source(*(Write(path) for path in PATHS), Snapshot("", name, recursive=True))
    await world.run(**TRUSTING)


async def what_is_left(world, before):
    """Of what was there before."""
    now = guids(await world.tree("target"))
    return {path: [point for point in points if point in now.get(path, [])] for path, points in before.items()}


of_each_deed = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)


@of_each_deed
async def test_p3_a_rogue_source_costs_no_backup(world, deed):
    """Whatever it does, for a month, every snapshot that was on the target is still there."""
    await month_of(world, deed, machine="machine")


@of_each_deed
async def test_p3_a_rogue_source_costs_no_backup_without_cursors(memory_world, deed):
    """The same where nothing on the source tells what the target has."""
    await month_of(memory_world, deed, machine="")


async def month_of(world, deed, machine):
    await replica(world, machine)
    before = guids(await world.tree("target"))
    assert {path: len(points) for path, points in before.items()} == dict.fromkeys(PATHS, 3)

    try:
        await deed(world)
        for _ in range(DAYS if isinstance(world, MemoryWorld) else REAL_DAYS):
            await world.run(**TRUSTING)
            world.later(days=1)
            assert not world.events.of(SnapshotsDestroyed)
            assert not world.events.of(DatasetDestroyed)
    finally:
        await world.set_source_clock(0)

    assert await what_is_left(world, before) == before


async def test_p3_a_source_without_its_past_meets_the_limit(world):
    """Whoever destroys all snapshots and takes a new one is told apart by nothing but the number: a person decides."""
    await replica(world, "machine")
    before = guids(await world.tree("target"))
    await all_snapshots_destroyed(world)
    await world.on_source(Write("a"), Snapshot("", "new", recursive=True))
    wishes = {**TRUSTING, "max_destroy": "50%"}

    for _ in range(5):
        await world.run(**wishes)
        world.later(days=1)

    assert world.events.one(PruneRefused).count == 12
    assert await what_is_left(world, before) == before


async def test_p3_a_clock_that_jumps_to_and_fro_counts_a_day_for_each_jump(memory_world):
    """Six jumps to 2040 and back are less than a grace of a week, for snapshots and datasets."""
    world = memory_world
    await replica(world)
    before = guids(await world.tree("target"))
    await world.on_source(Destroy("c"), DestroySnapshots("a", ("one",)))
    wishes = {
        **TRUSTING,
        "mirror": {"snapshots": True, "grace": "7d"},
        "missing": {"destroy_after": "7d"},
        "keep": None,
    }
    for _ in range(6):
        await world.run(**wishes)
        world.later(days=YEARS)
        await world.run(**wishes)
        world.later(days=-YEARS)

    assert await what_is_left(world, before) == before


async def test_p3_snapshots_dated_back_cost_no_backup(world):
    """Whoever sets the source's clock to each day of the past, and takes a snapshot there, displaces none of that day."""
    world.machine = "machine"
    keep = {"daily": 5}
    await world.on_source(Create(""))
    try:
        for day in range(7, 0, -1):
            await world.set_source_clock(-day * 86_400)
            await world.on_source(Write(""), Snapshot("", f"good{day}"))
        await world.run(keep=keep)
        before = guids(await world.tree("target"))
        assert len(before[""]) == 5
        for day in (5, 4, 3):
            await world.set_source_clock(-day * 86_400 + 600)
            await world.on_source(Snapshot("", f"evil{day}"))
    finally:
        await world.set_source_clock(0)

    await world.run(keep=keep)

    assert not world.events.of(SnapshotsDestroyed)
    assert "3 snapshots were created days before" in world.events.one(Noticed).message
    assert await what_is_left(world, before) == before
    assert len(guids(await world.tree("target"))[""]) == 8
