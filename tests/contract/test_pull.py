"""What a pull brings: full, increment, range, volumes, filters, excluded datasets, and nothing when nothing is to do."""

from tests.contract.actions import (
    Bookmark,
    Create,
    Destroy,
    DestroySnapshots,
    Snapshot,
    Write,
)
from tests.contract.world import Commands, assert_equal, guids, points_of
from zfspull.events import DatasetFailed, DatasetObserved, Outcome, TransferFinished, TransferStarted


def kinds(world):
    return [event.kind for event in world.events.of(TransferFinished)]


async def test_full_pull_brings_every_snapshot_of_the_tree(world):
    """A first pull of a tree leaves the same snapshots with the same guids and content on the target."""
    await world.on_source(
        Create(""), Write(""), Create("with space"), Write("with space"), Create("with space/deep"),
        Snapshot("", "one", recursive=True), Write("with space"), Snapshot("", "two", recursive=True),
    )  # fmt: skip

    finished = await world.run()

    source, target = await world.tree("source"), await world.tree("target")
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert guids(source) == guids(target)
    assert all(event.up_to_date for event in world.events.of(DatasetObserved))
    assert not any(dataset.mounted for dataset in target.datasets.values())
    assert all(dataset.readonly for dataset in target.datasets.values())
    await assert_equal(world, *points_of(source))


async def test_increment_and_range_bring_what_is_new(world):
    """One new snapshot comes as an increment, several at once as a range, and their content is right."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))
    first = await world.run()
    increment = kinds(world)
    await world.on_source(Write(""), Snapshot("", "three"), Write(""), Snapshot("", "four"))

    second = await world.run()

    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    assert (increment, kinds(world)) == (["incremental"], ["range"])
    assert guids(await world.tree("source")) == guids(await world.tree("target"))
    await assert_equal(world, ("", "one"), ("", "two"), ("", "three"), ("", "four"))


async def test_nothing_to_do_costs_one_command_on_each_side(world):
    """A run that finds all in order moves nothing, and asks each side just once, however large the tree.

    The first one after a change asks twice: it makes sure that nothing else came in the same second.
    """
    await world.on_source(Create(""), Create("a"), Create("b"), Create("b/c"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.wait(3)
    world.count()

    runs = [(await world.run(), world.count()) for _ in range(3)]

    assert max(counted.source for _, counted in runs) <= 2
    assert max(counted.target for _, counted in runs) <= 2
    assert [counted for _, counted in runs[1:]] == 2 * [Commands(source=1, target=1)]
    assert {finished.outcome for finished, _ in runs} == {Outcome.SUCCESS}
    assert {(finished.steps, finished.received_bytes) for finished, _ in runs} == {(0, 0)}


async def test_volume_is_replicated(world):
    """A volume comes as a volume, in full and by increment, with the right content."""
    await world.on_source(
        Create(""), Snapshot("", "one"), Create("disk", volume=True), Write("disk", volume=True),
        Snapshot("disk", "one"),
    )  # fmt: skip
    first = await world.run()
    await world.on_source(Write("disk", volume=True), Snapshot("disk", "two"))

    second = await world.run()

    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    target = (await world.tree("target")).datasets["disk"]
    assert (target.kind, target.mounted) == ("volume", None)
    await assert_equal(world, ("disk", "one"), ("disk", "two"))


async def test_bookmark_serves_as_base_when_the_source_has_pruned(world):
    """After the source destroyed the common snapshot, its bookmark is enough to go on, and the target keeps its own."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Bookmark("", "one", "mark"))
    await world.run()
    await world.on_source(
        Write(""), DestroySnapshots("", ("one",)), Snapshot("", "two"), Write(""), Snapshot("", "three")
    )

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two", "three"]
    await assert_equal(world, ("", "two"), ("", "three"))


async def test_filter_pulls_only_what_matches_over_an_unmatched_base(world):
    """Only matching snapshots are pulled, while one that does not match may be the base."""
    await world.on_source(Create(""), Write(""), Snapshot("", "manual"))
    await world.run()
    await world.on_source(
        Write(""), Snapshot("", "auto_1"), Write(""), Snapshot("", "other"), Write(""),
        Snapshot("", "auto_2"), Snapshot("", "auto_3"),
    )  # fmt: skip

    finished = await world.run(snapshots={"match": "^auto_"})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["manual", "auto_1", "auto_2", "auto_3"]
    assert kinds(world) == ["incremental", "incremental", "incremental"]
    await assert_equal(world, ("", "auto_1"), ("", "auto_2"), ("", "auto_3"))


async def test_excluded_datasets_stay_out(world):
    """What is excluded is not pulled, with all below it, and its siblings are."""
    await world.on_source(
        Create(""), Create("cache"), Create("cache/deep"), Create("kept"), Snapshot("", "one", recursive=True)
    )

    finished = await world.run(exclude=["cache"])

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert set((await world.tree("target")).datasets) == {"", "kept"}


async def test_dataset_without_snapshots_becomes_a_placeholder(world):
    """A dataset that has no wanted snapshot stands on the target as an empty parent of those below it that have."""
    await world.on_source(
        Create(""), Create("between"), Create("between/leaf"), Write("between/leaf"),
        Snapshot("", "one"), Snapshot("between/leaf", "one"),
    )  # fmt: skip

    finished = await world.run()
    again = await world.run()

    target = await world.tree("target")
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert again.outcome is Outcome.SUCCESS, again.error
    assert {path: len(dataset.snapshots) for path, dataset in target.datasets.items()} == {
        "": 1, "between": 0, "between/leaf": 1,
    }  # fmt: skip
    await assert_equal(world, ("between/leaf", "one"))


async def test_missing_parents_of_the_target_are_created(world):
    """The datasets above the target are made as unmounted placeholders."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    world.target_root = f"{world.target_root}/above/replica"

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    await assert_equal(world, ("", "one"))


async def test_initial_newest_pulls_only_the_newest(world):
    """With `initial: newest` a first pull brings one snapshot, and later ones follow it."""
    await world.on_source(Create(""), Snapshot("", "one"), Write(""), Snapshot("", "two"))
    await world.run(initial="newest")
    await world.on_source(Write(""), Snapshot("", "three"))

    finished = await world.run(initial="newest")

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["two", "three"]


async def test_take_makes_one_atomic_snapshot_and_pulls_it(world):
    """With `snapshots: take` the run takes a snapshot of the whole tree first, which then is on the target."""
    await world.on_source(Create(""), Create("a"))

    finished = await world.run(snapshots={"take": True})

    source, target = await world.tree("source"), await world.tree("target")
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert guids(source) == guids(target)
    assert len({snapshot.createtxg for dataset in source.datasets.values() for snapshot in dataset.snapshots}) == 1


async def test_child_without_a_pulled_sibling_is_new_in_a_later_run(world):
    """A dataset that appears on the source later is pulled in full beside the increments of the others."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Create("new"), Write("new"), Snapshot("", "two", recursive=True))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert sorted(kinds(world)) == ["full", "incremental"]
    assert guids(await world.tree("source")) == guids(await world.tree("target"))


async def test_p3_snapshots_destroyed_on_the_source_stay_on_the_target(world):
    """P3: neither the loss of all snapshots on the source nor that of a whole child takes anything from the target."""
    await world.on_source(Create(""), Create("child"), Snapshot("", "one", recursive=True))
    await world.run()
    before = guids(await world.tree("target"))
    await world.on_source(DestroySnapshots("", ("one",)), Destroy("child"))

    finished = await world.run(keep={"last": 1}, max_destroy="100%")

    assert finished.outcome is Outcome.REFUSED
    assert finished.reason == "no_common_base"
    assert guids(await world.tree("target")) == before


async def test_missing_source_is_an_error_that_changes_nothing(world):
    """A source dataset that does not exist fails the run for good; target and its snapshots stay."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Destroy(""))

    finished = await world.run(retry={"attempts": 3, "initial": "1s", "maximum": "1s"})

    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "source_missing")
    assert finished.retries == 0
    assert await world.names() == ["one"]


async def test_one_failing_dataset_leaves_its_siblings_alone(world):
    """A dataset whose stream breaks makes the run partial; its sibling is pulled all the same."""
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(
        Create("a"), Write("a", size=1_000_000), Create("b"), Write("b", size=1_000_000),
        Snapshot("a", "one"), Snapshot("b", "one"),
    )  # fmt: skip
    await world.cut_send(300_000)

    finished = await world.run()

    assert finished.outcome is Outcome.PARTIAL
    assert len(world.events.of(TransferStarted)) == 2
    (failed,) = world.events.of(DatasetFailed)
    (done,) = world.events.of(TransferFinished)
    assert {failed.dataset, done.dataset} == {f"{world.target_root}/a", f"{world.target_root}/b"}
