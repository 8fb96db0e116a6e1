"""The snapshots that a job takes on its source: which datasets, when none, of one moment, and what they tell of the clock."""

import pytest

from tests.contract.actions import Create, Snapshot, Sync, Write
from zfspull.errors import TransientError
from zfspull.events import ClockCompared, Noticed, Outcome, SnapshotsTaken
from zfspull.plan.snapshot_names import taken_name
from zfspull.pull import taking


TAKE = {"snapshots": {"take": True}}
IF_WRITTEN = {"snapshots": {"take": True, "skip_if_unwritten": True}}


async def taken(world, **fields):
    """Run the job, and return the name of the snapshot that it took, if it did; each run has a second of its own."""
    await world.clock.sleep(1.5)
    finished = await world.run(**fields)
    assert finished.outcome is Outcome.SUCCESS, finished.error
    return [event.name for event in world.events.of(SnapshotsTaken)]


async def shots(world, path=""):
    return (await world.tree("source")).datasets[path].snapshots


async def test_tree_is_snapshotted_at_one_moment(world):
    """Every dataset of the tree gets a snapshot of one name and one transaction group, and it is pulled at once."""
    await world.on_source(
        Create(""),
        Create("with space"),
        Create("secret", key="one"),
        Create("secret/deep"),
        Create("volume", volume=True),
    )
    before = world.clock.now()

    (name,) = await taken(world, **TAKE)

    found = {path: dataset.snapshots for path, dataset in (await world.tree("source")).datasets.items()}
    assert {path: [one.name for one in snapshots] for path, snapshots in found.items()} == {
        path: [name] for path in found
    }
    assert len({one.createtxg for snapshots in found.values() for one in snapshots}) == 1
    assert taken_name("zfspull", before) <= name <= taken_name("zfspull", world.clock.now())
    assert await world.names("volume") == [name]


async def test_what_is_excluded_is_not_snapshotted(world):
    """Nobody would pull or prune it there. The others are still snapshotted at one moment."""
    await world.on_source(
        Create(""), Create("cache"), Create("cache/deep"), Create("vm"), Create("vm/swap", volume=True)
    )

    (name,) = await taken(world, **TAKE, exclude=["cache", "*/swap"])

    tree = await world.tree("source")
    assert {path for path, dataset in tree.datasets.items() if dataset.snapshots} == {"", "vm"}
    assert [one.createtxg for one in await shots(world)] == [one.createtxg for one in await shots(world, "vm")]
    assert await world.names("vm") == [name]


async def test_none_is_taken_if_nothing_was_written(world):
    """`skip_if_unwritten` looks at every kind of dataset of the job, locked ones too, and at no other."""
    job = {**IF_WRITTEN, "exclude": ["cache"]}
    await world.on_source(
        Create(""), Create("cache"), Create("secret", key="one"), Create("volume", volume=True), Write("secret"),
        Write("volume", volume=True), Sync(""),
    )  # fmt: skip
    first = await taken(world, **job)
    await world.on_source(Write("cache"), Sync(""))

    assert len(first) == 1
    assert await taken(world, **job) == []
    for written in (Write(""), Write("secret"), Write("volume", volume=True)):
        await world.on_source(written, Sync(""))
        assert len(await taken(world, **job)) == 1, written
        assert await taken(world, **job) == [], written
    assert len(await world.names()) == len(await world.names("volume")) == 4


async def test_snapshot_that_another_job_took_in_the_same_second_is_no_trouble(world):
    """Two jobs with one schedule and one source: the later one takes its own a second later."""
    await world.on_source(Create(""), Create("a"), Write(""))
    now = int(world.clock.now())
    await world.on_source(*(Snapshot("a", taken_name("zfspull", now + later)) for later in range(-2, 3)))

    (name,) = await taken(world, **TAKE)

    assert [one.name for one in await shots(world)] == [name]
    assert name in await world.names("a")


async def test_locked_dataset_is_snapshotted(world):
    """Nobody needs a key to take a snapshot, nor to see that nothing was written."""
    await world.on_source(Create("", key="one"), Write(""), Sync(""))
    await world.unload_source_key()

    assert len(await taken(world, **IF_WRITTEN)) == 1
    assert await taken(world, **IF_WRITTEN) == []


async def test_what_only_a_foreign_snapshot_holds_counts_as_written(world):
    """A snapshot that the job does not pull holds what was written before it: one more is needed to get at that."""
    job = {"snapshots": {"take": True, "skip_if_unwritten": True, "match": "^zfspull_"}}
    await world.on_source(Create(""), Write(""), Sync(""))
    await taken(world, **job)
    await world.on_source(Write(""), Snapshot("", "autosnap"))

    assert len(await taken(world, **job)) == 1
    assert await taken(world, **job) == []


@pytest.mark.parametrize("ahead_seconds", [0, 7200, -7200])
async def test_clocks_that_disagree_are_told_of_without_a_command_more(world, ahead_seconds):
    """The snapshot just taken bears the source's time: two hours off either way are seen, with both times."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    await world.set_source_clock(ahead_seconds)
    world.count()
    try:
        await taken(world, **TAKE)
    finally:
        await world.set_source_clock(0)

    noticed = [event for event in world.events.of(Noticed) if event.reason == "clock_skew"]
    compared = world.events.one(ClockCompared)
    assert compared.host == world.source.host
    assert abs(compared.skew_seconds - ahead_seconds) < 40
    assert len(noticed) == (ahead_seconds != 0)
    if noticed:
        words = "ahead of" if ahead_seconds > 0 else "behind"
        assert f"{words} the one here" in noticed[0].message
        assert noticed[0].message.count("Z ") == 3, noticed[0].message
    assert world.count().source == 4  # the snapshot, two listings, one stream


# On paper: the above has shown what ZFS makes of it.


async def test_one_run_takes_one_snapshot_however_often_it_tries_to_list(memory_world):
    """A listing that fails and is tried again does not leave a snapshot for each attempt."""
    world = memory_world
    await world.on_source(Create(""), Write(""))
    world.faults.source_calls = [None, TransientError("busy", host="memory"), TransientError("busy", host="memory")]

    finished = await world.run(**TAKE, retry={"attempts": 5})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert len(await shots(world)) == 1


async def test_tree_whose_names_fit_no_command_line_is_snapshotted_whole(memory_world, monkeypatch):
    """Then what is excluded gets a snapshot too: that is better than several moments, or none."""
    monkeypatch.setattr(taking, "MAX_NAMED_BYTES", 60)
    world = memory_world
    await world.on_source(Create(""), Create("cache"), Create("vm"))

    await taken(world, **TAKE, exclude=["cache"])

    assert len(await shots(world, "cache")) == len(await shots(world, "vm")) == 1


async def test_time_that_no_calendar_has_breaks_nothing(memory_world):
    """A source whose clock is beyond all years is told of like any other."""
    world = memory_world
    await world.on_source(Create(""), Write(""))
    await world.set_source_clock(10**15)

    await world.run(**TAKE)

    assert "9999-12-31" in next(event for event in world.events.of(Noticed) if event.reason == "clock_skew").message
