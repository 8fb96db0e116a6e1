"""P1: what retention may destroy on the target, and every guard that vetoes it, on real snapshots."""

import pytest

from tests.contract.actions import Bookmark, Clone, Create, DestroySnapshots, Hold, Snapshot, Write
from zfspull.errors import LocalResourceError
from zfspull.events import Noticed, Outcome, PruneRefused, PruneSkipped, SnapshotsDestroyed
from zfspull.plan.prune import UnknownBase, plan_prune
from zfspull.pull.prune import prune_job


KEEP = {"keep": {"last": 1}, "max_destroy": "100%"}


async def three(world):
    """A replica with three snapshots."""
    await world.on_source(
        Create(""), Write(""), Snapshot("", "one"), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "three")
    )
    await world.run()


async def test_p1_only_what_no_rule_keeps_is_destroyed(world):
    """A run with a keep rule destroys what the rule gives up, on the target only."""
    await three(world)

    finished = await world.run(**KEEP)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert world.events.one(SnapshotsDestroyed).names == ("one", "two")
    assert await world.names() == ["three"]
    assert [snapshot.name for snapshot in (await world.tree("source")).datasets[""].snapshots] == [
        "one", "two", "three",
    ]  # fmt: skip


async def test_p1_base_and_what_is_newer_are_kept(world):
    """The newest snapshot common with the source is kept though no rule wants it, with all that are newer."""
    await three(world)
    await world.on_source(Bookmark("", "two", "mark"), DestroySnapshots("", ("two", "three")), Write(""))

    report = await prune_job(world.job(**KEEP), world.context(), run_id="run")

    assert report.destroyed == 1
    assert await world.names() == ["two", "three"]


async def test_p1_held_and_cloned_snapshots_are_kept(world):
    """A snapshot that is held, or that has a clone, stays."""
    await world.on_source(Create(""), *(Snapshot("", name) for name in ("held", "cloned", "old", "new")))
    await world.run()
    await world.on_target(Hold("", "held"), Clone("", "cloned", "clone"))

    finished = await world.run(**KEEP)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["held", "cloned", "new"]


async def test_p1_snapshots_that_became_held_meanwhile_are_skipped_and_reported(world):
    """Should a guard come too late, ZFS refuses, the rest of the batch goes all the same, and both are reported."""
    await world.on_source(Create(""), *(Snapshot("", name) for name in ("held", "cloned", "old", "new")))
    await world.run()
    await world.on_target(Hold("", "held"), Clone("", "cloned", "clone"))

    destroyed = await world.target.destroy_snapshots(world.target_root, ["held", "cloned", "old"], dry_run=False)

    assert destroyed.gone == ("old",)
    assert destroyed.skipped == (("held", "held"), ("cloned", "cloned"))


async def test_p1_nothing_goes_while_a_receive_is_unfinished(world):
    """With a resume token on the dataset, not one of its snapshots is destroyed."""
    await three(world)
    await world.on_source(Write("", size=2_000_000), Snapshot("", "four"))
    await world.cut_send(900_000)
    await world.run(**KEEP)

    report = await prune_job(world.job(**KEEP), world.context(), run_id="run")

    assert (await world.tree("target")).datasets[""].resume_token is not None
    assert report.destroyed == 0
    assert await world.names() == ["one", "two", "three"]


async def test_p1_more_than_max_destroy_destroys_nothing(world):
    """A run that would destroy more than the job allows destroys nothing and asks for a decision."""
    await three(world)

    finished = await world.run(keep={"last": 1}, max_destroy=1)

    refused = world.events.one(PruneRefused)
    assert finished.outcome is Outcome.REFUSED
    assert (refused.count, refused.limit) == (2, 1)
    assert await world.names() == ["one", "two", "three"]


async def test_p1_dry_run_destroys_nothing(world):
    """A dry run says what would go, and nothing goes."""
    await three(world)

    report = await prune_job(world.job(**KEEP), world.context(), run_id="run", dry_run=True)

    assert report.destroyed == 2
    assert await world.names() == ["one", "two", "three"]


async def test_p1_destroying_what_is_gone_is_no_error(world):
    """Snapshots that somebody else has destroyed meanwhile count as gone."""
    await world.on_source(Create(""), Snapshot("", "one"), Snapshot("", "two"))
    await world.run()

    alone = await world.target.destroy_snapshots(world.target_root, ["nope"], dry_run=False)
    together = await world.target.destroy_snapshots(world.target_root, ["nope", "one"], dry_run=False)

    assert (alone.gone, together.gone) == (("nope",), ("nope", "one"))
    assert await world.names() == ["two"]


async def test_p1_a_range_is_never_destroyed(world):
    """A name that zfs(8) would read as a range is refused before zfs is run."""
    await world.on_source(Create(""), Snapshot("", "one"), Snapshot("", "two"))
    await world.run()

    with pytest.raises(ValueError, match="no snapshot name"):
        await world.target.destroy_snapshots(world.target_root, ["one%two"], dry_run=False)

    assert await world.names() == ["one", "two"]


async def test_p1_without_a_common_base_nothing_is_pruned(memory_world):
    """When nothing is common with the source any more, the target keeps all it has."""
    world = memory_world
    await three(world)
    await world.on_source(DestroySnapshots("", ("one", "two", "three")), Snapshot("", "unrelated"))

    report = await prune_job(world.job(**KEEP), world.context(), run_id="run")

    dataset = (await world.tree("target")).datasets[""]
    decision = plan_prune(dataset, world.job(**KEEP).keep, base=UnknownBase(), zone=world.job().zone, now=0)
    assert (report.destroyed, decision.destroy) == (0, ())
    assert not world.events.of(PruneSkipped)


async def test_what_keeps_a_dataset_from_being_pruned_is_told(memory_world):
    """A destroy that fails as a whole is a notice with the dataset, and an error of the run that knows its job."""
    world = memory_world
    await three(world)
    world.target.destroy_snapshots = failing(LocalResourceError("pool is read-only", hint="why?", reason="read_only"))

    finished = await world.run(**KEEP)

    noticed = world.events.one(Noticed)
    assert (finished.outcome, finished.reason) == (Outcome.PARTIAL, "read_only")
    assert "job=job" in finished.error
    assert (noticed.dataset, noticed.reason) == (world.target_root, "read_only")
    assert await world.names() == ["one", "two", "three"]


def failing(error):
    async def fail(*_, **__):
        raise error

    return fail
