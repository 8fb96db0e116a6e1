"""P4: what `keep_source` lets a run destroy on the source, and every guard that vetoes it, on real snapshots."""

import pytest

from tests.contract.actions import Clone, Create, DestroySnapshots, Hold, Snapshot, Write
from tests.contract.world import assert_equal
from zfspull.errors import TransientError
from zfspull.events import Noticed, Outcome, PruneRefused, PruneSkipped, SnapshotsDestroyed
from zfspull.pull.preview import preview_job
from zfspull.pull.prune import prune_job


LAST = {"keep_source": {"last": 1}, "max_destroy": "100%"}
THREE = ("one", "two", "three")


def shots(*names, path="", recursive=False):
    """Something written, and a snapshot of it, several times."""
    return [action for name in names for action in (Write(path), Snapshot(path, name, recursive))]


async def there(world, path=""):
    """The snapshots of one source dataset, oldest first."""
    return [snapshot.name for snapshot in (await world.tree("source")).datasets[path].snapshots]


def destroyed(world, side="source"):
    return {
        event.dataset.removeprefix(world.source_root): event.names
        for event in world.events.of(SnapshotsDestroyed)
        if event.side == side
    }


async def test_p4_without_keep_source_nothing_is_destroyed_there(world):
    """Rules for the target say nothing about the source."""
    await world.on_source(Create(""), *shots(*THREE))

    finished = await world.run(keep={"last": 1}, max_destroy="100%")

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (await world.names(), tuple(await there(world))) == (["three"], THREE)


async def test_p4_what_has_arrived_goes_in_the_same_run(world):
    """Filesystems, volumes and encrypted ones are thinned as soon as all has arrived, and the next increment goes on."""
    await world.on_source(
        Create(""), Create("secret", key="one"), Create("volume", volume=True), *shots(*THREE, recursive=True)
    )

    finished = await world.run(**LAST)
    gone = destroyed(world)
    await world.on_source(Write("secret"), *shots("four", recursive=True))
    second = await world.run(**LAST)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert gone == {"": ("one", "two"), "/secret": ("one", "two"), "/volume": ("one", "two")}
    assert second.outcome is Outcome.SUCCESS, second.error
    for path in ("", "secret", "volume"):
        assert await there(world, path) == ["four"]
        assert await world.names(path) == [*THREE, "four"]
    await assert_equal(world, ("", "four"), ("secret", "four"), keys={"secret": "one"})


async def test_p4_what_the_target_has_thinned_already_has_arrived(world):
    """With stricter rules on the target than on the source, both keep what their own rules keep."""
    await world.on_source(Create(""), *shots("one", "two", "three", "four"))

    finished = await world.run(keep={"last": 1}, keep_source={"last": 2}, max_destroy="100%")

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (await world.names(), await there(world)) == (["four"], ["three", "four"])


async def test_p4_what_never_arrived_stays(world):
    """With `initial: newest` what is older was left out: it stays, but for what the target would not keep either."""
    await world.on_source(Create(""), *shots(*THREE))

    await world.run(**LAST, initial="newest")
    before = await there(world)
    await world.run(**LAST, initial="newest", keep={"last": 2})

    assert (tuple(before), await world.names()) == (THREE, ["three"])
    assert await there(world) == ["two", "three"]


async def test_p4_guards_on_the_source(world):
    """Held, cloned and foreign snapshots stay, and those of datasets that the job excludes."""
    await world.on_source(
        Create(""), Create("cache"), Snapshot("cache", "one"), *shots("one", "held", "cloned", "foreign", "three"),
        Snapshot("cache", "three"), Hold("", "held"), Clone("", "cloned", "cache/clone"),
    )  # fmt: skip

    finished = await world.run(**LAST, snapshots={"match": "one|held|cloned|three"}, exclude=["cache"])

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert destroyed(world) == {"": ("one",)}
    assert await there(world) == ["held", "cloned", "foreign", "three"]
    assert await there(world, "cache") == ["one", "three"]


async def test_p4_newest_that_the_job_pulls_stays(world):
    """A foreign snapshot after the newest one that the job pulls does not take its place."""
    await world.on_source(Create(""), *shots("own-1", "own-2", "foreign"))

    await world.run(keep_source={"matching": "^never$"}, max_destroy="100%", snapshots={"match": "^own"})

    assert await there(world) == ["own-2", "foreign"]


async def test_p4_dataset_that_failed_keeps_all_and_its_siblings_are_thinned(world):
    """What an interrupted receive still needs stays; a dataset that is well is thinned all the same."""
    await world.on_source(Create(""), Create("a"), Create("b"), *shots(*THREE, path="", recursive=True))
    await world.run()
    await world.on_source(Write("a", size=2_000_000), Snapshot("a", "four"))
    await world.cut_send(900_000)

    finished = await world.run(**LAST)
    during = await there(world, "a")
    resumed = await world.run(**LAST)

    assert finished.outcome is Outcome.PARTIAL
    assert during == [*THREE, "four"]
    assert await there(world, "b") == ["three"]
    assert (resumed.outcome, resumed.resumed) == (Outcome.SUCCESS, 1), resumed.error
    assert await there(world, "a") == ["four"]


async def test_p4_refused_dataset_keeps_all(world):
    """Where the sides have nothing in common any more, the source keeps what it has."""
    await world.on_source(Create(""), *shots("one"))
    await world.run()
    await world.on_source(DestroySnapshots("", ("one",)), *shots("two", "three"))

    finished = await world.run(**LAST)

    assert finished.outcome is Outcome.REFUSED
    assert await there(world) == ["two", "three"]


async def test_p4_more_than_max_destroy_destroys_nothing(world):
    """The limit holds for the source by itself; a person may confirm to go past it."""
    await world.on_source(Create(""), *shots(*THREE))
    job = {"keep_source": {"last": 1}, "max_destroy": 1}

    finished = await world.run(**job)
    refused = world.events.one(PruneRefused)
    before = await there(world)
    report = await prune_job(world.job(**job), world.context(), run_id="run", confirmed=True)

    assert finished.outcome is Outcome.REFUSED
    assert (refused.side, refused.count, refused.limit) == ("source", 2, 1)
    assert "on the source" in refused.message
    assert tuple(before) == THREE
    assert (report.on_source.destroyed, await there(world)) == (2, ["three"])
    assert tuple(await world.names()) == THREE


async def test_p4_source_that_permits_no_destroy(world):
    """Without the permission the pull is well, the run says once what is missing, and nothing goes."""
    await world.on_source(Create(""), Create("a"), *shots(*THREE, recursive=True))
    await world.permit("hold", "release", "bookmark")

    finished = await world.run(**LAST)

    noticed = [event for event in world.events.of(Noticed) if "keep_source" in event.message]
    assert finished.outcome is Outcome.PARTIAL
    assert "permission denied" in finished.error
    assert "zfs allow -u" in finished.hint
    assert "destroy,mount" in finished.hint
    assert [event.reason for event in noticed] == ["permission"]
    assert tuple(await there(world)) == tuple(await world.names("a")) == THREE


async def test_p4_source_that_permits_destroy_to_an_unprivileged_login(world):
    """`destroy` and `mount` are what it takes."""
    await world.on_source(Create(""), Create("a"), *shots(*THREE, recursive=True))
    await world.permit("hold", "release", "destroy", "mount")

    finished = await world.run(**LAST)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (await there(world), await there(world, "a")) == (["three"], ["three"])


async def test_p4_lag_lets_go_what_has_not_arrived(world):
    """Past `max_lag_before_prune` the rules thin what is still to come; base and newest stay, and the next pull works."""
    await world.on_source(Create(""), *shots("one", "two"))
    await world.run()
    await world.clock.sleep(3.5)
    await world.on_source(*shots("three", "four", "five"))
    patient = await prune_job(world.job(**LAST, max_lag_before_prune="1h"), world.context(), run_id="run")
    before = await there(world)

    await prune_job(world.job(**LAST, max_lag_before_prune="1s"), world.context(), run_id="run")

    assert (patient.on_source.destroyed, before) == (1, ["two", "three", "four", "five"])
    assert await there(world) == ["two", "five"]
    finished = await world.run()
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two", "five"]
    await assert_equal(world, ("", "five"))


async def test_p4_snapshots_that_became_held_meanwhile_are_skipped_and_reported(world):
    """Should a guard come too late, ZFS refuses, the rest goes all the same; what is gone already is gone."""
    await world.on_source(
        Create(""), *(Snapshot("", name) for name in ("held", "cloned", "old", "new")), Hold("", "held"),
        Clone("", "cloned", "clone"),
    )  # fmt: skip

    result = await world.source.destroy_snapshots(world.source_root, ["held", "cloned", "nope", "old"])

    assert result.gone == ("nope", "old")
    assert result.skipped == (("held", "held"), ("cloned", "cloned"))
    assert result.error is None
    assert await there(world) == ["held", "cloned", "new"]
    with pytest.raises(ValueError, match="no snapshot name"):
        await world.source.destroy_snapshots(world.source_root, ["held%new"])


async def test_p4_dry_run_and_plan_show_what_would_go_there(world):
    """Both say what a run would destroy on the source, and nothing goes."""
    await world.on_source(Create(""), *shots(*THREE))
    await world.run()

    report = await prune_job(world.job(**LAST), world.context(), run_id="run", dry_run=True)
    preview = await preview_job(world.job(**LAST), world.context())

    for (prune,) in (report.on_source.datasets, preview.source_prune):
        assert [snapshot.name for snapshot in prune.destroy] == ["one", "two"]
        assert [prune.kept[one.guid] for one in prune.stay] == [("last 1/1", "guard: base", "guard: newest")]
    assert report.on_source.destroyed == 2
    assert tuple(await there(world)) == THREE


async def test_p4_run_that_has_nothing_to_prune_costs_no_command_more(world):
    """Only a run that is to destroy something lists the two sides once more."""
    await world.on_source(Create(""), *shots(*THREE))
    await world.run(**LAST)
    world.count()

    await world.run(**LAST)
    idle = world.count()

    assert (idle.source, idle.target) == (2, 2)


# The same on paper: the above has shown what ZFS makes of it.


async def test_p4_sides_are_limited_apart(memory_world):
    """That the target may not lose so much says nothing about the source."""
    world = memory_world
    await world.on_source(Create(""), *shots(*THREE))

    finished = await world.run(keep={"last": 1}, keep_source={"last": 2}, max_destroy=1)

    assert finished.outcome is Outcome.REFUSED
    assert world.events.one(PruneRefused).side == "target"
    assert (tuple(await world.names()), await there(world)) == (THREE, ["two", "three"])


async def test_p4_lost_connection_ends_the_pruning_and_the_next_run_goes_on(memory_world):
    """A source that goes away in the middle: what is gone is told, the pull counts, the rest goes next time."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), *shots(*THREE, recursive=True))
    await world.run()
    lost = TransientError("the connection was lost", host="memory", reason="connection_lost")
    world.faults.source_calls = [*5 * [None], lost]  # after two pairs of listings, and one destroy that goes well

    finished = await world.run(**LAST)
    gone = destroyed(world)
    again = await world.run(**LAST)

    assert (finished.outcome, finished.reason) == (Outcome.PARTIAL, "connection_lost")
    assert list(gone) == [""]
    assert again.outcome is Outcome.SUCCESS, again.error
    assert (await there(world), await there(world, "a")) == (["three"], ["three"])


async def test_p4_what_came_between_the_decision_and_the_deed_is_looked_at(memory_world):
    """The decision is made anew from fresh listings: what the target lost meanwhile stays on the source."""
    world = memory_world
    await world.on_source(Create(""), *shots(*THREE))
    await world.run()
    meddled = []
    listed = world.target.listings.fully

    async def lose_a_snapshot(names, *, below):
        points = await listed(names, below=below)
        if not meddled:
            meddled.append(True)
            await world.on_target(DestroySnapshots("", ("one",)))
        return points

    world.target.listings.fully = lose_a_snapshot

    await world.run(**LAST)

    assert await there(world) == ["one", "three"]
    assert not world.events.of(PruneSkipped)
