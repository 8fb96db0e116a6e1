"""The cursor against a source that prunes at the worst moment."""

import asyncio

import pytest

from tests.contract.actions import Create, DestroySnapshots, Snapshot, Write
from tests.contract.memory_world import MemoryWorld
from zfspull.events import Outcome, TransferFinished, TransferStarted
from zfspull.hosts.memory.faults import How, SendFault
from zfspull.pull.side import FEW_POINTS


class Pruner:
    """Does something to the source at the first event of a kind, between two steps of the event loop."""

    def __init__(self, world, kind, *actions):
        self.world, self.kind, self.actions = world, kind, actions
        self.events = world.events

    def emit(self, event):
        self.events.emit(event)
        if isinstance(event, self.kind) and self.actions:
            actions, self.actions = self.actions, ()
            self.world._apply(actions, self.world.source_pools, self.world.source_root)

    def clear(self):
        self.events.clear()


@pytest.fixture
async def world():
    """A replica with one snapshot, and a second one waiting on the source."""
    world = MemoryWorld()
    world.machine = "box"
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))
    return world


async def test_p5_base_outlives_a_prune_right_after_it_arrived(world):
    """The source destroys a snapshot in the moment that it has arrived, and the next increment goes on from it."""
    world.events = Pruner(world, TransferFinished, DestroySnapshots("", ("one", "two")))
    second = await world.run()
    await world.on_source(Write(""), Snapshot("", "three"))

    third = await world.run()

    assert (second.outcome, third.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS)
    assert await world.names() == ["one", "two", "three"]


async def test_p5_snapshot_recreated_under_its_name_leaves_no_false_cursor(world):
    """Another snapshot under the name of the one that was planned is not taken for it, by the bookmark either."""
    world.events = Pruner(world, TransferStarted, DestroySnapshots("", ("two",)), Snapshot("", "two"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "three"))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS
    source, target = (await world.tree("source")).datasets[""], (await world.tree("target")).datasets[""]
    assert [one.guid for one in source.snapshots] == [one.guid for one in target.snapshots]
    assert [mark.guid for mark in source.bookmarks] == [target.newest.guid]


async def test_p5_first_snapshot_stays_while_what_follows_it_is_cut():
    """A first pull that dies after its first snapshot finds that one held, goes on from it, and lets it go."""
    world = MemoryWorld()
    world.machine = "box"
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Write("", size=1_000_000), Snapshot("", "two"))
    world.faults.sends += [None, SendFault(500_000, How.KILLED)]
    first = await world.run()
    (held,) = (one for one in (await world.tree("source")).datasets[""].snapshots if one.holds)

    second = await world.run()

    assert (first.outcome, second.outcome, second.resumed) == (Outcome.FAILED, Outcome.SUCCESS, 1)
    assert held.name == "one"
    source = (await world.tree("source")).datasets[""]
    assert [one.name for one in source.snapshots if one.holds] == []
    assert len(source.bookmarks) == 1


class Stopper:
    """Cancels a run as soon as its second step begins."""

    def __init__(self, events):
        self.events = events
        self.task = None

    def emit(self, event):
        self.events.emit(event)
        if isinstance(event, TransferStarted) and event.kind == "range":
            self.task.cancel()

    def clear(self):
        self.events.clear()


@pytest.mark.parametrize("snapshots", [FEW_POINTS // 2, FEW_POINTS + 30])
async def test_p4_hold_of_a_run_that_was_stopped_goes_with_the_next_run(snapshots):
    """What a stopped run has held is looked at by the next one, though what it had listed there is remembered."""
    world = MemoryWorld()
    world.machine = "box"
    await world.on_source(Create(""), *(Snapshot("", f"s{number:03}") for number in range(snapshots)))
    await world.wait(10)
    world.events = Stopper(world.events)
    world.events.task = asyncio.create_task(world.run())
    with pytest.raises(asyncio.CancelledError):
        await world.events.task
    world.events = world.events.events
    before = [one.name for one in (await world.tree("source")).datasets[""].snapshots if one.holds]

    await world.wait(30)
    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert before == ["s000"]
    assert [one.name for one in (await world.tree("source")).datasets[""].snapshots if one.holds] == []
