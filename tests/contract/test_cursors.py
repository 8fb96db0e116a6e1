"""What a job leaves on the source so that the base outlives the source's own pruning, and what it never touches."""

import pytest

from tests.contract.actions import Bookmark, Create, DestroySnapshots, Rename, Snapshot, Write
from tests.contract.world import assert_equal, guids
from zfspull.errors import TransientError
from zfspull.events import CursorMoved, Noticed, Outcome, TransferFinished
from zfspull.plan.cursors import Owner, replica_tag
from zfspull.plan.leftovers import Use, Whose
from zfspull.pull.leftovers import list_leftovers, take_away
from zfspull.pull.remembered import ProcessMemory
from zfspull.zfs.model import Hold


THIS, OTHER = "machine one", "machine two"


def owner(world, machine=THIS, job="job"):
    return Owner(job, replica_tag(machine, world.target_root))


async def bookmarks(world, path=""):
    return [bookmark.name for bookmark in (await world.tree("source")).datasets[path].bookmarks]


async def holds(world, path=""):
    """The held snapshots of one dataset, with the tags."""
    dataset = (await world.tree("source")).datasets[path]
    held = [f"{dataset.name}{one.mark}" for one in dataset.snapshots if one.holds]
    return [(hold.snapshot.partition("@")[2], hold.tag) for hold in await world.source.list_holds(held)]


async def guid_of(world, name, path=""):
    return next(one.guid for one in (await world.tree("source")).datasets[path].snapshots if one.name == name)


async def test_chain_survives_a_source_that_destroys_all_its_snapshots(world):
    """After each step one bookmark stands for the base, whatever the job is called, and increments go on from it."""
    world.machine = THIS
    await world.on_source(
        Create(""), Create("secret", key="one"), Write(""), Write("secret"), Snapshot("", "one", recursive=True)
    )
    await world.run()
    first = [owner(world).bookmark(await guid_of(world, "one"))]
    found = await bookmarks(world), await holds(world)
    await world.on_source(
        DestroySnapshots("", ("one",)), DestroySnapshots("secret", ("one",)), Write(""), Write("secret"),
        Snapshot("", "two", recursive=True),
    )  # fmt: skip

    finished = await world.run(name="renamed_job")

    second = [owner(world, job="renamed_job").bookmark(await guid_of(world, "two"))]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert {event.kind for event in world.events.of(TransferFinished)} == {"incremental"}
    assert found == (first, [])
    assert await bookmarks(world) == second
    assert len(await bookmarks(world, "secret")) == 1
    assert (await world.names(), await world.names("secret")) == (["one", "two"], ["one", "two"])
    await assert_equal(world, ("", "two"), ("secret", "two"), keys={"secret": "one"})


async def test_p5_the_rest_of_a_stream_has_its_base_until_it_has_arrived(world):
    """An increment whose base is a bookmark only may be cut again and again: its base stays, and it arrives."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    base = owner(world).bookmark(await guid_of(world, "one"))
    await world.on_source(DestroySnapshots("", ("one",)), Write("", size=3_000_000), Snapshot("", "two"))
    for _ in range(2):
        await world.cut_send(900_000, link=False)
        await world.run()
    halfway = await bookmarks(world)

    finished = await world.run()

    new = owner(world).bookmark(await guid_of(world, "two"))
    assert set(halfway) == {base, new}
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (finished.resumed, await bookmarks(world)) == (1, [new])
    await assert_equal(world, ("", "two"))


async def test_cursors_of_others_are_never_touched(world):
    """Two backup boxes pull the same source, each with cursors of its own; a foreign bookmark stays too."""
    await world.on_source(Create(""), Snapshot("", "one"), Bookmark("", "one", "foreign"))
    for machine in (THIS, OTHER):
        world.machine = machine
        await world.run(target=f"{world.target_root}-{machine[8:]}")
    one, two = ([f"{world.target_root}-{machine[8:]}", machine] for machine in (THIS, OTHER))
    before = await bookmarks(world)
    await world.on_source(Snapshot("", "two"))
    world.machine = THIS
    await world.run(target=one[0])

    after = await bookmarks(world)

    guid = await guid_of(world, "one")
    theirs = Owner("job", replica_tag(two[1], two[0])).bookmark(guid)
    mine = Owner("job", replica_tag(one[1], one[0])).bookmark(guid)
    assert set(before) == {"foreign", theirs, mine}
    assert set(before) - set(after) == {mine}


async def test_source_that_permits_no_destroy_keeps_the_base_by_a_hold(world):
    """An unprivileged login without `destroy` leaves bookmarks until it knows, then moves a hold, and says so once."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.permit("bookmark", "hold", "release")
    runs, noticed = [], []
    for name in ("two", "three", "four", "five"):
        runs.append(await world.run())
        noticed += world.events.of(Noticed)
        await world.on_source(Write(""), Snapshot("", name))
    world.refused.clear()  # the daemon was started again

    runs.append(await world.run())

    assert [run.outcome for run in runs] == [Outcome.SUCCESS] * 5, [run.error for run in runs]
    assert [event.reason for event in noticed] == ["cursor_destroy"]
    assert "permission denied" in noticed[0].message
    assert len(await bookmarks(world)) == 2
    assert await holds(world) == [("five", owner(world).hold)]
    assert guids(await world.tree("source")) == guids(await world.tree("target"))


async def test_source_that_permits_to_hold_but_not_to_release_is_never_held(world):
    """What could not be released again is not held: it would fill the source's pool. The pull goes on all the same."""
    world.machine = THIS
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.permit("hold", "bookmark")
    runs = [await world.run()]
    for name in ("two", "three"):
        await world.on_source(Write(""), Snapshot("", name))
        runs.append(await world.run())

    assert [run.outcome for run in runs] == [Outcome.SUCCESS] * 3, [run.error for run in runs]
    assert await holds(world) == []
    assert len(await bookmarks(world)) == 2
    assert await world.names() == ["one", "two", "three"]


async def test_source_that_permits_nothing_is_left_as_it_is(world):
    """With `send` alone a pull works, leaves nothing, and says once what it misses."""
    world.machine = THIS
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.permit()
    first = await world.run()
    noticed = {event.reason for event in world.events.of(Noticed)}
    await world.on_source(Snapshot("", "two", recursive=True))

    second = await world.run()

    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    assert noticed == {"cursor_bookmark", "cursor_release"}
    assert not world.events.of(Noticed)
    assert (await bookmarks(world), await holds(world)) == ([], [])


async def test_first_send_is_held_until_it_has_arrived(world):
    """While a first send is unfinished its snapshot can't be lost, and afterwards the bookmark is enough."""
    world.machine = THIS
    await world.on_source(Create(""), Write("", size=1_000_000), Snapshot("", "one"))
    await world.cut_send(500_000)
    await world.run()
    during = await holds(world)

    finished = await world.run()

    assert during == [("one", owner(world).hold)]
    assert (finished.outcome, finished.resumed) == (Outcome.SUCCESS, 1), finished.error
    assert (await holds(world), len(await bookmarks(world))) == ([], 1)


async def test_first_send_is_held_until_what_follows_it_has_arrived(world):
    """The first snapshot of a history needs no bookmark of its own: its hold stands for it until the rest is there."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Snapshot("", "two"), Snapshot("", "three"))

    finished = await world.run()

    last = owner(world).bookmark(await guid_of(world, "three"))
    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 2), finished.error
    assert [event.cursor for event in world.events.of(CursorMoved)] == ["@one", f"#{last}"]
    assert (await bookmarks(world), await holds(world)) == ([last], [])


async def test_first_send_without_a_hold_has_a_bookmark(world):
    """Where a source permits no holds the first snapshot of a history is bookmarked, until the rest is there."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Snapshot("", "two"))

    finished = await world.run(cursor="bookmark")

    marks = [f"#{owner(world).bookmark(await guid_of(world, name))}" for name in ("one", "two")]
    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 2), finished.error
    assert [event.cursor for event in world.events.of(CursorMoved)] == marks
    assert (await bookmarks(world), await holds(world)) == ([marks[1].lstrip("#")], [])


async def test_first_send_that_turns_out_not_to_be_held_has_a_bookmark(world):
    """That the source permits no holds shows when the first one is tried: then that very snapshot is bookmarked."""
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Snapshot("", "two"))
    await world.permit("bookmark", "destroy")

    finished = await world.run()

    marks = [f"#{owner(world).bookmark(await guid_of(world, name))}" for name in ("one", "two")]
    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 2), finished.error
    assert [event.cursor for event in world.events.of(CursorMoved)] == marks
    assert (await bookmarks(world), await holds(world)) == ([marks[1].lstrip("#")], [])


async def test_holds_that_were_left_on_older_snapshots_go_with_the_next_move(world):
    """What a run that died has held, also under an earlier name of the job, is released; what others hold is not."""
    world.machine = THIS
    await world.on_source(Create(""), *(Snapshot("", name) for name in ("one", "two", "three")))
    await world.run()
    for name in ("one", "two"):
        await world.source.hold(world.source_root, name, owner(world, job="renamed job").hold)
        await world.source.hold(world.source_root, name, owner(world).hold)
    await world.source.hold(world.source_root, "two", owner(world, OTHER).hold)
    await world.source.hold(world.source_root, "three", owner(world).hold)
    world.remembered = ProcessMemory()
    await world.on_source(Snapshot("", "four"))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await holds(world) == [("two", owner(world, OTHER).hold)]


async def test_leftovers_are_listed_and_taken_away(world):
    """Bookmarks and holds are found with two listings and one command for the holds, and each goes when it is told to."""
    world.machine = THIS
    await world.on_source(Create(""), Create("with space"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.source.hold(f"{world.source_root}/with space", "one", owner(world, OTHER).hold)
    world.count()

    found = await list_leftovers(world.job(), world.context(), ours=[owner(world).tag])
    commands = world.count()
    for leftover in found:
        await take_away(leftover, world.context())
        await take_away(leftover, world.context())  # fine if it is gone

    assert commands.source == 3
    assert [(one.kind, one.whose, one.use) for one in found] == [
        ("bookmark", Whose.OURS, Use.IN_USE), ("bookmark", Whose.OURS, Use.IN_USE),
        ("hold", Whose.ANOTHER, Use.UNKNOWN),
    ]  # fmt: skip
    assert await list_leftovers(world.job(), world.context(), ours=[]) == ()


async def test_what_is_done_already_is_fine_and_what_is_missing_is_told(world):
    """To mark, hold, release or destroy twice is no error; to mark or hold a snapshot that is gone is one that passes."""
    await world.on_source(Create(""), Snapshot("", "one"))
    source, root = world.source, world.source_root

    for _ in range(2):
        await source.bookmark(root, "one", "mark")
        await source.hold(root, "one", "tag with space")
    held = await source.list_holds([f"{root}@one", f"{root}@gone"])
    for _ in range(2):
        await source.destroy_bookmark(root, "mark")
        await source.release(root, "one", "tag with space")
    await source.release(root, "gone", "tag")

    assert held == (Hold(f"{root}@one", "tag with space"),)
    for attempt in (source.bookmark(root, "gone", "mark"), source.hold(root, "gone", "tag")):
        with pytest.raises(TransientError) as gone:
            await attempt
        assert gone.value.reason == "source_changed"
    assert (await bookmarks(world), await holds(world)) == ([], [])


# The same words, on paper: the above has shown what ZFS makes of them.


async def test_cursor_none_leaves_nothing(memory_world):
    """`cursor: none` writes nothing to the source, not even while a first send is under way."""
    world = memory_world
    world.machine = THIS
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))

    await world.run(cursor="none")

    assert not {"bookmark", "hold", "release", "destroy"} & set(world.source.commands)


async def test_cursor_hold_moves_a_hold(memory_world):
    """`cursor: hold` holds the base, the new one before the old one is released, and makes no bookmark."""
    world = memory_world
    world.machine = THIS
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run(cursor="hold")
    first = await holds(world)
    await world.on_source(Snapshot("", "two"))
    world.source.commands.clear()

    await world.run(cursor="hold")

    assert (first, await holds(world)) == ([("one", owner(world).hold)], [("two", owner(world).hold)])
    assert [command for command in world.source.commands if command in ("hold", "release")] == ["hold", "release"]
    assert await bookmarks(world) == []


async def test_lost_cursor_is_made_again_though_nothing_is_to_be_done(memory_world):
    """A run that died before its cursor, or a replica that was taken over, gets one from the next run, and only one."""
    world = memory_world
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    world.machine = THIS

    covering = await world.run()
    moved = world.events.of(CursorMoved)
    world.count()
    idle = await world.run()

    assert world.count().source == 2
    assert (covering.steps, idle.steps) == (0, 0)
    assert [event.cursor for event in moved] == [f"#{name}" for name in await bookmarks(world)]


async def test_hold_that_a_dying_run_has_left_is_released_by_the_next_step(memory_world):
    """A hold that was not released, since the run died at the wrong moment, goes with the next move of the cursor."""
    world = memory_world
    world.machine = THIS
    await world.on_source(Create(""), Snapshot("", "one"))
    await world.run()
    world.source_pools.hold(world.source_root, "one", owner(world).hold)
    world.source_pools.hold(world.source_root, "one", "theirs")
    await world.on_source(Snapshot("", "two"))

    await world.run()

    assert await holds(world) == [("one", "theirs")]


async def test_cursor_goes_with_a_dataset_that_is_renamed(memory_world):
    """A source that was renamed and has destroyed what was common is found by its cursor."""
    world = memory_world
    world.machine = THIS
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(
        Rename("a", "b"), DestroySnapshots("b", ("one",)), Write("b"), Snapshot("", "two", recursive=True)
    )

    finished = await world.run(resolve={"renamed": "rename"})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names("b") == ["one", "two"]
    assert await bookmarks(world, "b") == [owner(world).bookmark(await guid_of(world, "two", "b"))]


async def test_name_that_would_be_too_long_costs_no_other_dataset_its_cursor(memory_world):
    """Where the bookmark's name does not fit, a hold takes its place, there only."""
    world = memory_world
    world.machine = THIS
    long = "x" * 215
    await world.on_source(Create(""), Create(long), Snapshot("", "one", recursive=True))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (len(await bookmarks(world)), await holds(world)) == (1, [])
    assert (await bookmarks(world, long), await holds(world, long)) == ([], [("one", owner(world).hold)])
