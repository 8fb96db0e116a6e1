"""P2: what a pull refuses to do to a target that is not as it left it. Nothing is rolled back or overwritten."""

import pytest

from tests.contract.actions import Create, Destroy, DestroySnapshots, Rollback, Snapshot, Write, WriteReplica
from tests.contract.world import guids
from zfspull.events import DatasetObserved, DatasetRefused, Outcome, TransferStarted
from zfspull.plan.steps import Reason


async def refused(world, reason):
    """A run is refused for this reason, before anything is sent, and the target stays as it is."""
    before = guids(await world.tree("target"))

    finished = await world.run()

    assert finished.outcome is Outcome.REFUSED
    assert [event.reason for event in world.events.of(DatasetRefused)] == [reason]
    assert not world.events.of(TransferStarted)
    (stale,) = {event.dataset for event in world.events.of(DatasetRefused)}
    assert not next(event for event in world.events.of(DatasetObserved) if event.dataset == stale).up_to_date
    assert guids(await world.tree("target")) == before
    return finished


async def test_p2_target_with_newer_snapshots_is_refused(world):
    """A snapshot that was made on the target after the base is not thrown away for the next increment."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_target(Snapshot("", "mine"))
    await world.on_source(Write(""), Snapshot("", "two"))

    finished = await refused(world, Reason.TARGET_NEWER)

    assert "@mine" in finished.error


async def test_p2_rolled_back_source_is_refused(world):
    """A source that was rolled back behind the replica does not take the replica's newest snapshot with it."""
    await world.on_source(Create(""), Snapshot("", "one"), Write(""), Snapshot("", "two"))
    await world.run()
    await world.on_source(Rollback("", "one"), Write(""), Snapshot("", "three"))

    await refused(world, Reason.TARGET_NEWER)


async def test_p2_replica_written_to_while_an_increment_is_unfinished_is_refused(world):
    """A resume that could only fail at its end is refused before it sends a byte."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write("", size=1_000_000), Snapshot("", "two"))
    await world.cut_send(500_000)
    await world.run()
    await world.on_target(WriteReplica(""))

    await refused(world, Reason.TARGET_MODIFIED)

    assert (await world.tree("target")).datasets[""].resume_token is not None


async def test_p2_foreign_target_is_refused(world):
    """A dataset that is no replica is not overwritten, though it is empty."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.on_target(Create(""))

    await refused(world, Reason.TARGET_FOREIGN)


async def test_p2_foreign_target_with_snapshots_is_refused(world):
    """Nor is one that has snapshots of its own, even of the same names."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.on_target(Create(""), Write(""), Snapshot("", "one"))

    await refused(world, Reason.NO_COMMON_BASE)


async def test_p2_no_common_base_is_refused(world):
    """When the source has destroyed all that was common, nothing is pulled over the old replica."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Snapshot("", "two"), DestroySnapshots("", ("one",)))

    await refused(world, Reason.NO_COMMON_BASE)


async def test_p2_another_kind_is_refused(world):
    """A volume is not pulled over a filesystem."""
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(Destroy("a"), Create("a", volume=True), Snapshot("a", "one"))

    await refused(world, Reason.KIND_DIFFERS)


async def test_p2_initial_refuse_asks_first(world):
    """With `initial: refuse` nothing is created without a person's word."""
    await world.on_source(Create(""), Snapshot("", "one"))

    finished = await world.run(initial="refuse")

    assert (finished.outcome, finished.reason) == (Outcome.REFUSED, Reason.INITIAL_REFUSED)
    assert not (await world.tree("target")).exists


@pytest.mark.parametrize("path", ["child"])
async def test_p2_refused_child_does_not_stop_its_siblings(world, path):
    """A dataset that needs a decision is left alone, and the others are pulled."""
    await world.on_source(Create(""), Create(path), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_target(Snapshot(path, "mine"))
    await world.on_source(Write(""), Snapshot("", "two", recursive=True))

    finished = await world.run()

    assert finished.outcome is Outcome.REFUSED
    assert (await world.names(), await world.names(path)) == (["one", "two"], ["one", "mine"])
    assert {event.dataset: event.up_to_date for event in world.events.of(DatasetObserved)} == {
        world.target_root: True, f"{world.target_root}/{path}": False,
    }  # fmt: skip
