"""What a job may have done about a refusal: never unless it says so, and never more than it says."""

import pytest

from tests.contract.actions import (
    Clone,
    Create,
    Destroy,
    DestroySnapshots,
    Hold,
    LoadKey,
    Rename,
    Rollback,
    Snapshot,
    UnloadKey,
    Write,
    WriteReplica,
)
from tests.contract.test_encryption import increment
from tests.contract.world import assert_equal, guids, points_of
from zfspull.errors import TransientError
from zfspull.events import (
    DatasetRefused,
    Outcome,
    Resolved,
    ResumeDiscarded,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from zfspull.plan.policy import REMEDIES
from zfspull.plan.steps import Reason


ALL = {"resolve": {reason.value: remedy.value for reason, remedy in REMEDIES.items()}, "max_destroy": "100%"}
TROUBLES = {
    "newer": Reason.TARGET_NEWER,
    "locked": Reason.TARGET_NEWER,
    "modified": Reason.TARGET_MODIFIED,
    "recreated": Reason.NO_COMMON_BASE,
    "foreign": Reason.TARGET_FOREIGN,
    "kind": Reason.KIND_DIFFERS,
    "closed": Reason.SOURCE_ENCRYPTED,
    "opened": Reason.SOURCE_PLAIN,
    "new": Reason.RENAMED,
    "new/kid": Reason.PARENT_REFUSED,
}
NAMES = ["one", "two", "three", "four"]
ASIDE = ("recreated", "foreign", "kind", "closed", "opened")


async def trouble(world):
    """A tree of which almost every dataset disagrees with its replica, each in its own way."""
    plain = ("newer", "modified", "recreated", "kind", "closed", "old", "old/kid")
    await world.on_source(
        Create(""), *(Create(path) for path in plain), *(Write(path) for path in plain),
        Create("locked", key="one"), Create("opened", key="two"), Snapshot("", "one", recursive=True),
    )  # fmt: skip
    first = await world.run()
    assert first.outcome is Outcome.SUCCESS, first.error
    await world.on_target(
        Snapshot("newer", "mine"), Snapshot("locked", "mine"), WriteReplica("modified"), Create("foreign")
    )
    await world.on_source(
        *(Destroy(path) for path in ("recreated", "kind", "closed", "opened")),
        Create("recreated"), Create("kind", volume=True), Create("closed", key="one"), Create("opened"),
        Create("foreign"), Rename("old", "new"), Write("newer"), Write("new/kid"), Snapshot("", "two", recursive=True),
    )  # fmt: skip


async def test_p2_each_disagreement_is_refused_by_default_and_resolved_if_the_job_says_so(world):
    """By default nothing is touched; with `resolve` all is pulled, and what stood in the way lies aside, complete."""
    await trouble(world)
    before = await world.tree("target")

    refused = await world.run()
    untouched = await world.tree("target")
    refusals = world.events.of(DatasetRefused)
    resolved = await world.run(**ALL)

    source, after = await world.tree("source"), await world.tree("target")
    assert refused.outcome is Outcome.REFUSED
    assert {event.dataset.removeprefix(f"{world.target_root}/"): event.reason for event in refusals} == TROUBLES
    assert all(event.message and event.hint for event in refusals)
    # The root is well, and got its increment.
    assert {**guids(untouched), "": []} == {**guids(before), "": []}
    assert resolved.outcome is Outcome.SUCCESS, resolved.error
    assert {path: guids(after)[path] for path in guids(source)} == guids(source)
    for path in ASIDE:
        was = before.datasets[path]
        assert guids(after)[f"{path}-aside-{was.guid:016x}"] == guids(before)[path]
    assert "old" not in after.datasets
    assert {event.kind for event in world.events.of(TransferFinished) if "/new" in event.dataset} == {"incremental"}
    assert sum(event.destroyed for event in world.events.of(Resolved)) == 2
    await assert_equal(world, ("newer", "two"), ("modified", "two"), ("new/kid", "two"))
    assert (await world.run(**ALL)).steps == 0


async def test_p2_replica_is_rolled_back_to_the_base_when_the_source_was(world):
    """A source that was rolled back takes its replica along only if the job says so, and within `max_destroy`."""
    await world.on_source(
        Create(""), Snapshot("", "one"), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "three")
    )
    await world.run()
    await world.on_source(Rollback("", "one"), Write(""), Snapshot("", "four"))

    exceeded = await world.run(resolve=ALL["resolve"], max_destroy=1)
    kept = await world.names()
    finished = await world.run(resolve={"target_newer": "rollback"}, max_destroy=2)

    assert exceeded.outcome is Outcome.REFUSED
    assert "would destroy 2 of 3" in exceeded.error
    assert kept == ["one", "two", "three"]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (finished.destroyed, await world.names()) == (2, ["one", "four"])
    await assert_equal(world, ("", "four"))


async def test_p1_rollbacks_of_one_run_share_one_max_destroy(world):
    """Each by itself would be within the limit; together they are not, so none is carried out, and it says how many."""
    paths = ("", "a", "b")
    await world.on_source(Create(""), Create("a"), Create("b"), Snapshot("", "one", recursive=True))
    await world.on_source(Snapshot("", "two", recursive=True), Snapshot("", "three", recursive=True))
    await world.run()
    await world.on_source(*(Rollback(path, "one") for path in paths))

    exceeded = await world.run(resolve=ALL["resolve"], max_destroy=5)
    refusals = world.events.of(DatasetRefused)
    kept = [await world.names(path) for path in paths]
    finished = await world.run(resolve=ALL["resolve"], max_destroy=6)

    assert (exceeded.outcome, exceeded.refused, exceeded.destroyed) == (Outcome.REFUSED, 3, 0)
    assert {event.reason for event in refusals} == {Reason.TARGET_NEWER}
    assert all("would destroy 6 of 9 snapshots, and max_destroy allows 5" in event.message for event in refusals)
    assert kept == [["one", "two", "three"]] * 3
    assert (finished.outcome, finished.destroyed) == (Outcome.SUCCESS, 6), finished.error
    assert [await world.names(path) for path in paths] == [["one"]] * 3


async def test_p1_what_a_rollback_has_destroyed_counts_for_the_prune_after_it(world):
    """Retention that would go beyond the limit together with a rollback is left to the next run."""
    await world.on_source(Create(""), *(Snapshot("", name) for name in ("one", "two", "three")))
    await world.run()
    await world.on_target(Snapshot("", "mine"))
    wishes = {"resolve": ALL["resolve"], "keep": {"last": 1}, "max_destroy": 2}

    first = await world.run(**wishes)
    between = await world.names()
    second = await world.run(**wishes)

    assert [(run.outcome, run.destroyed) for run in (first, second)] == [(Outcome.SUCCESS, 1), (Outcome.SUCCESS, 2)]
    assert (between, await world.names()) == (["one", "two", "three"], ["three"])


async def test_p2_replica_written_to_while_an_increment_is_unfinished_is_rolled_back_and_resumed(world):
    """What was written goes, and the increment goes on where it was."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write("", size=1_000_000), Snapshot("", "two"))
    await world.cut_send(500_000)
    await world.run()
    await world.on_target(WriteReplica(""))

    finished = await world.run(**ALL)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (finished.resumed, await world.names()) == (1, ["one", "two"])
    await assert_equal(world, ("", "two"))


async def test_p7_replica_of_broken_lineage_is_renamed_aside(world):
    """A raw replica that was once written by a non-raw receive is pulled anew, and stays aside as it was."""
    await world.on_source(Create(""), Create("a", key="one"), Write("a"), Snapshot("a", "one"))
    await world.run()
    await world.on_source(Write("a"), Snapshot("a", "two"))
    await world.on_target(LoadKey("a", "one"))
    stray = await world.stream("a", "two", "@one", raw=False)
    await world.receive(increment(world, "a"), stray)
    await world.on_target(UnloadKey("a"))
    await world.on_source(DestroySnapshots("a", ("one",)))
    before = (await world.tree("target")).datasets["a"]

    refused = await world.run()
    reasons = [event.reason for event in world.events.of(DatasetRefused)]
    finished = await world.run(**ALL)
    again = await world.run(**ALL)

    aside = (await world.tree("target")).datasets[f"a-aside-{before.guid:016x}"]
    assert (refused.outcome, reasons) == (Outcome.REFUSED, [Reason.LINEAGE_BROKEN])
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (again.outcome, again.steps) == (Outcome.SUCCESS, 0), again.error
    assert [one.guid for one in aside.snapshots] == [one.guid for one in before.snapshots]
    await assert_equal(world, ("a", "two"), keys={"a": "one"})


async def test_what_zfs_does_not_roll_back_or_rename(world):
    """A rollback stops at what is held, having destroyed what is newer; at a clone it does not begin."""
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_target(
        Snapshot("", "held"), Hold("", "held"), Snapshot("", "late"), Snapshot("a", "cloned"),
        Clone("a", "cloned", "clone"), Snapshot("a", "late"),
    )  # fmt: skip
    root = world.target_root

    with pytest.raises(TransientError) as busy:
        await world.target.rollback(root, "one")
    with pytest.raises(TransientError) as cloned:
        await world.target.rollback(f"{root}/a", "one")
    with pytest.raises(TransientError) as lost:
        await world.target.rename(f"{root}/a", f"{root}/nope/a")

    assert [error.value.reason for error in (busy, cloned, lost)] == ["busy", "cloned", "target_changed"]
    assert (await world.names(), await world.names("a")) == (["one", "held"], ["one", "cloned", "late"])


# What follows is decided on paper: what ZFS does about it is known from the above.


async def test_p1_what_is_held_is_never_rolled_back(memory_world):
    """A rollback would destroy what it can before it meets what is held: so it is not begun."""
    world = memory_world
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_target(Snapshot("", "held"), Hold("", "held"), Snapshot("", "mine"))

    finished = await world.run(**ALL)

    assert finished.outcome is Outcome.REFUSED
    assert "@held is held or cloned" in finished.error
    assert await world.names() == ["one", "held", "mine"]


async def test_p1_rollback_is_decided_anew_when_the_target_has_changed_meanwhile(memory_world):
    """A snapshot that was made between the listing and the rollback counts against `max_destroy` like the others."""
    world = memory_world
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_target(Snapshot("", "mine"))
    rollback, decided = (
        world.target.list_tree,
        iter([lambda: world.target_pools.snapshot("vault/copy", ["late"])]),
    )

    async def list_tree(root, *, recursive):
        if act := next(decided, None):
            act()
        return await rollback(root, recursive=recursive)

    world.target.list_tree = list_tree
    finished = await world.run(resolve=ALL["resolve"], max_destroy=1, retry={"attempts": 2, "initial": "1s"})

    assert finished.outcome is Outcome.REFUSED, finished.error
    assert await world.names() == ["one", "mine", "late"]


async def test_p1_share_holds_for_each_dataset_that_is_rolled_back(memory_world):
    """In a tree with many snapshots a rollback may still not take more than the share of its own dataset."""
    world = memory_world
    many = [Snapshot("", f"s{number}") for number in range(40)]
    await world.on_source(Create(""), Create("a"), *many, *(Snapshot("a", name) for name in NAMES))
    await world.run()
    await world.on_source(Rollback("a", "one"))

    refused = await world.run(resolve=ALL["resolve"], max_destroy="50%")

    assert refused.outcome is Outcome.REFUSED
    assert "rolling back to @one would destroy 3 of 4 snapshots, and max_destroy allows 2" in refused.error
    assert await world.names("a") == NAMES


async def test_p2_replica_is_not_renamed_aside_with_a_child_that_is_well(memory_world):
    """To rename a parent aside would mean to pull its children anew: a person decides."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), Create("a/b"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(DestroySnapshots("a", ("one",)), Snapshot("a", "two"))

    finished = await world.run(**ALL)

    refused = world.events.one(DatasetRefused)
    assert finished.outcome is Outcome.REFUSED
    assert (refused.reason, refused.dataset) == (Reason.NO_COMMON_BASE, "vault/copy/a")
    assert "vault/copy/a/b along" in refused.message
    assert set((await world.tree("target")).datasets) == {"", "a", "a/b"}


async def test_replicas_below_are_kept_as_the_manual_says(world):
    """The first snapshot of a dataset that only held others: the refusal warns, and by hand nothing is sent twice."""
    await world.on_source(Create(""), Create("mid"), Create("mid/leaf"), Write("mid/leaf"), Snapshot("mid/leaf", "one"))
    await world.on_source(Snapshot("", "one"))
    assert (await world.run()).outcome is Outcome.SUCCESS
    await world.on_source(Write("mid"), Write("mid/leaf"), Snapshot("mid", "two", recursive=True))
    world.events.clear()

    refused = await world.run()
    told = world.events.one(DatasetRefused)
    await world.on_target(Rename("mid", "mid-old"))
    alone = await world.run(exclude=["mid/*"])
    await world.on_target(Rename("mid-old/leaf", "mid/leaf"))
    world.events.clear()
    again = await world.run()

    assert (refused.outcome, told.reason) == (Outcome.REFUSED, Reason.TARGET_FOREIGN)
    assert "mid/leaf below it is well" in told.hint
    assert [one.outcome for one in (alone, again)] == [Outcome.SUCCESS] * 2, (alone.error, again.error)
    assert not world.events.of(TransferStarted)
    await assert_equal(world, *points_of(await world.tree("source")))


async def test_p2_recreated_tree_goes_aside_as_a_whole(memory_world):
    """With its parent each child goes aside, and all are pulled anew, also below one that has no snapshot itself."""
    world = memory_world
    await world.on_source(
        Create(""), Create("a"), Create("a/mid"), Create("a/mid/leaf"), Snapshot("a", "one"),
        Snapshot("a/mid/leaf", "one"), Snapshot("", "one"),
    )  # fmt: skip
    await world.run()
    before = await world.tree("target")
    await world.on_source(
        Destroy("a"), Create("a"), Create("a/mid"), Create("a/mid/leaf"), Snapshot("a", "new"),
        Snapshot("a/mid/leaf", "new"),
    )  # fmt: skip

    finished = await world.run(**ALL, keep={"last": 1})

    after = guids(await world.tree("target"))
    aside = f"a-aside-{before.datasets['a'].guid:016x}"
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert after[f"{aside}/mid/leaf"] == guids(before)["a/mid/leaf"]
    assert [name for name, *_ in after["a/mid/leaf"]] == ["new"]


async def test_p3_retention_leaves_alone_what_was_renamed_aside(memory_world):
    """What lies aside is a person's to judge: no keep rule thins it."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), Snapshot("a", "one"), Snapshot("a", "two"), Snapshot("", "one"))
    await world.run()
    guid = (await world.tree("target")).datasets["a"].guid
    await world.on_source(Destroy("a"), Create("a"), Snapshot("a", "three"))

    for _ in range(2):
        finished = await world.run(**ALL, keep={"last": 1})

        assert finished.outcome is Outcome.SUCCESS, finished.error
        assert await world.names(f"a-aside-{guid:016x}") == ["one", "two"]


@pytest.mark.parametrize("new", ["b", "made/b", "bare/b"])
async def test_renamed_dataset_is_found_wherever_it_went(memory_world, new):
    """A dataset that was moved below one that is pulled first, or that has no snapshots, takes its replica along."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), Create("a/kid"), Write("a/kid"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(
        Create("bare"), Create("made"), Snapshot("made", "one"), Rename("a", new), Write(f"{new}/kid"),
        Snapshot(f"{new}/kid", "two"),
    )  # fmt: skip

    finished = await world.run(**ALL)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    full = [event.dataset for event in world.events.of(TransferStarted) if event.kind == "full"]
    assert full == ["vault/copy/made"]
    assert await world.names(f"{new}/kid") == ["one", "two"]
    assert "a" not in (await world.tree("target")).datasets


async def test_p5_what_a_renamed_dataset_takes_along_is_not_sent_onto(world):
    """The beginning of a first receive moves with its parent's replica: it is given up, and no stream runs against it."""
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(Create("a/kid"), Write("a/kid", size=2_000_000), Snapshot("a/kid", "two"))
    await world.cut_receive(900_000)
    await world.run()
    await world.on_source(Rename("a", "b"), Snapshot("b", "three"))

    finished = await world.run(**ALL)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert not world.events.of(TransferFailed)
    assert world.events.one(ResumeDiscarded).dataset.endswith("/b/kid")
    await assert_equal(world, ("b/kid", "two"))


async def test_renamed_dataset_whose_replica_was_written_to_is_renamed_and_rolled_back(memory_world):
    """Two disagreements at once are resolved one after the other, in the same run."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), Create("a/kid"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_target(WriteReplica("a"), Snapshot("a/kid", "mine"))
    await world.on_source(Rename("a", "b"), Snapshot("", "two", recursive=True))

    finished = await world.run(**ALL)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (await world.names("b"), await world.names("b/kid")) == (["one", "two"], ["one", "two"])


@pytest.mark.parametrize(("initial", "names"), [("all", ["one", "two"]), ("newest", ["two"]), ("refuse", None)])
async def test_first_pull_brings_what_the_job_says(memory_world, initial, names):
    """`initial` decides what of a dataset without a replica is pulled, also when the old one was renamed aside."""
    world = memory_world
    await world.on_target(Create(""), Snapshot("", "foreign"))
    await world.on_source(Create(""), Snapshot("", "one"), Snapshot("", "two"))

    finished = await world.run(**ALL, initial=initial)

    if names is None:
        assert finished.outcome is Outcome.REFUSED
        assert await world.names() == ["foreign"]
    else:
        assert finished.outcome is Outcome.SUCCESS, finished.error
        assert await world.names() == names


async def test_remedy_that_meets_a_busy_dataset_is_tried_again(memory_world):
    """A rename that fails for a moment is no reason to pull the dataset anew beside its replica."""
    world = memory_world
    await world.on_source(Create(""), Create("a"), Write("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(Rename("a", "b"), Snapshot("b", "two"))
    rename, busy = world.target.rename, iter([True])

    async def busy_once(name, new_name):
        if next(busy, False):
            world.target_pools.nodes[name].receiving = True
        try:
            await rename(name, new_name)
        finally:
            for node in world.target_pools.nodes.values():
                node.receiving = False

    world.target.rename = busy_once
    finished = await world.run(**ALL, retry={"attempts": 2, "initial": "1s"})

    assert (finished.outcome, finished.retries) == (Outcome.SUCCESS, 1), finished.error
    assert [event.kind for event in world.events.of(TransferFinished)] == ["incremental"]
