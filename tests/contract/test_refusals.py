"""P2: what a pull refuses to do to a target that is not as it left it. Nothing is rolled back or overwritten."""

import pytest

from tests.contract.actions import (
    Create,
    Destroy,
    DestroySnapshots,
    RenameSnapshot,
    Rollback,
    Snapshot,
    Write,
    WriteReplica,
)
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


async def test_p2_name_that_another_snapshot_has_is_refused(world):
    """A name that the source gives to a new snapshot each day is told of, with both guids, and not tried for ever."""
    world.machine = "box"
    await world.on_source(Create(""), Write(""), Snapshot("", "latest"))
    await world.run()
    await world.on_source(DestroySnapshots("", ("latest",)), Write(""), Snapshot("", "latest"))

    finished = await refused(world, Reason.NAME_TAKEN)
    new, old = [(await world.tree(side)).datasets[""].snapshots[0].guid for side in ("source", "target")]
    await world.on_target(RenameSnapshot("", "latest", "former"))
    after = await world.run()

    assert finished.retries == 0
    assert str(new) in finished.error
    assert str(old) in finished.error
    assert f"zfs rename {world.target_root}@latest " in finished.hint
    assert after.outcome is Outcome.SUCCESS, after.error
    assert await world.names() == ["former", "latest"]


async def test_p2_taken_name_within_a_range_is_refused(world):
    """A stream with all snapshots between brings none at all if one of them has a name that is taken."""
    await world.on_source(Create(""), Snapshot("", "latest"), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(
        DestroySnapshots("", ("latest",)), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "latest"),
        Snapshot("", "three"),
    )  # fmt: skip

    await refused(world, Reason.NAME_TAKEN)


async def test_p2_renamed_snapshot_takes_no_name(world):
    """Snapshots that the source renames are the same by guid; only who has their old name then is in the way."""
    await world.on_source(Create(""), Snapshot("", "day0"))
    await world.run()
    await world.on_source(RenameSnapshot("", "day0", "day1"), Write(""), Snapshot("", "now"))
    finished = await world.run()
    await world.on_source(Write(""), Snapshot("", "day0"))

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["day0", "now"]
    await refused(world, Reason.NAME_TAKEN)


async def test_p2_rest_of_a_stream_whose_name_is_taken_is_refused(world):
    """A resume that could only fail at its end, for somebody gave its name away, is refused before it sends a byte."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write("", size=1_000_000), Snapshot("", "two"))
    await world.cut_send(500_000)
    await world.run()
    await world.on_target(RenameSnapshot("", "one", "two"))

    await refused(world, Reason.NAME_TAKEN)

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
