"""Room in the target's pool: what it is, what pruning frees, and that retention goes first where there is little."""

import pytest

from tests.contract.actions import Create, Destroy, Erase, Hold, Snapshot, Write
from zfspull.events import (
    DatasetObserved,
    Noticed,
    Outcome,
    PruneRefused,
    Resolved,
    SnapshotsDestroyed,
    TransferStarted,
)
from zfspull.plan.space import LowSpace
from zfspull.pull.foresight import foresee_job
from zfspull.pull.prune import prune_job
from zfspull.zfs.names import pool


MIB = 1 << 20
SIZE = 2 * MIB
KEEP = {"keep": {"last": 1}, "max_destroy": "100%"}
ALWAYS = LowSpace(share=1.0)


def about(size_bytes):
    """Compared with what a pool of ZFS says: metadata count there as well."""
    return pytest.approx(size_bytes, abs=400_000)


async def aged(world):
    """A dataset on the target whose two oldest snapshots together hold what was erased since."""
    await world.on_target(
        Create(""), Write("", size=SIZE), Snapshot("", "one"), Snapshot("", "two"), Erase(""), Write(""),
        Snapshot("", "three"),
    )  # fmt: skip


async def test_dry_run_says_what_snapshots_free_together(world):
    """What two snapshots share, neither frees alone and both free together; nothing goes."""
    await aged(world)

    freed = [
        (await world.target.destroy_snapshots(world.target_root, names, dry_run=True)).freed_bytes
        for names in (["one"], ["two"], ["one", "two"])
    ]

    assert freed == [about(0), about(0), about(SIZE)]
    assert await world.names() == ["one", "two", "three"]


async def test_dry_run_passes_over_what_is_gone(world):
    """A snapshot that is not there frees nothing, and does not hide what the others free."""
    await aged(world)

    both = await world.target.destroy_snapshots(world.target_root, ["one", "nope", "two"], dry_run=True)
    alone = await world.target.destroy_snapshots(world.target_root, ["nope"], dry_run=True)

    assert (both.freed_bytes, alone.freed_bytes) == (about(SIZE), 0)


async def test_what_a_dry_run_foretells_is_freed(world):
    """After the real thing the snapshots hold as much less as the dry run said; that one tells no figure."""
    await aged(world)
    before = (await world.tree("target")).datasets[""]
    foretold = await world.target.destroy_snapshots(world.target_root, ["one", "two"], dry_run=True)

    done = await world.target.destroy_snapshots(world.target_root, ["one", "two"], dry_run=False)

    after = (await world.tree("target")).datasets[""]
    assert (before.snapshots_bytes, after.snapshots_bytes) == (about(SIZE), about(0))
    assert before.used_bytes - after.used_bytes == about(foretold.freed_bytes)
    assert done.freed_bytes is None


async def test_room_of_a_pool(world):
    """What is available in a pool shrinks as it fills, and below the target it is the same; no pool, no answer."""
    await world.on_target(Create(""))
    name = pool(world.target_root)
    before = await world.target.space(name)
    await world.fill_target(left_bytes=50 * MIB)
    try:
        filled = await world.target.space(name)
        root = (await world.tree("target")).datasets[""]
    finally:
        await world.fill_target(left_bytes=None)

    assert filled.available_bytes == about(50 * MIB)
    assert before.available_bytes > filled.available_bytes
    assert root.available_bytes == about(filled.available_bytes)
    assert await world.target.space("no-such-pool") is None


async def test_a_prune_that_is_only_shown_says_what_it_would_free(world):
    """`prune --dry-run` asks ZFS for each dataset that would lose snapshots."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"), Write(""), Snapshot("", "two"))
    await world.run()

    report = await prune_job(world.job(**KEEP), world.context(), run_id="run", dry_run=True)

    assert report.freed == {world.target_root: about(0)}


async def test_a_run_tells_what_each_dataset_takes(world):
    """The listing at the end of a run says what a replica takes and what its snapshots hold, at no further command."""
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    await world.run()
    world.count()

    await world.run()

    seen = world.events.one(DatasetObserved)
    assert (seen.used_bytes, seen.snapshots_bytes) == (about(SIZE), about(0))
    assert world.count().target <= 2


async def three(world):
    """A replica with three snapshots, and a fourth on the source."""
    await world.on_source(
        Create(""), Write(""), Snapshot("", "one"), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "three")
    )
    await world.run()
    await world.on_source(Write(""), Snapshot("", "four"))


async def test_short_of_room_retention_goes_before_the_pull(world):
    """Where the pool is short, what the rules give up goes first; the base stays until something newer has arrived."""
    await three(world)
    world.low_space = ALWAYS

    finished = await world.run(**KEEP)

    kinds = [type(event) for event in world.events if isinstance(event, SnapshotsDestroyed | TransferStarted)]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert kinds == [SnapshotsDestroyed, TransferStarted, SnapshotsDestroyed]
    assert [event.names for event in world.events.of(SnapshotsDestroyed)] == [("one", "two"), ("three",)]
    assert world.events.one(Noticed).reason == "low_space"
    assert await world.names() == ["four"]


async def test_with_room_enough_retention_goes_after_the_pull(world):
    """Otherwise a run receives first, and prunes what is superfluous then."""
    await three(world)

    finished = await world.run(**KEEP)

    kinds = [type(event) for event in world.events if isinstance(event, SnapshotsDestroyed | TransferStarted)]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert kinds == [TransferStarted, SnapshotsDestroyed]
    assert await world.names() == ["four"]


async def test_p1_short_of_room_is_no_reason_to_destroy_more(world):
    """More than `max_destroy` is refused as ever, once, and the pull goes on."""
    await three(world)
    world.low_space = ALWAYS

    finished = await world.run(keep={"last": 1}, max_destroy=1)

    assert finished.outcome is Outcome.REFUSED
    assert world.events.one(PruneRefused).count == 2
    assert await world.names() == ["one", "two", "three", "four"]


async def test_p1_one_run_destroys_no_more_than_it_may_in_two_halves(world):
    """Both turns of a run share `max_destroy`; what is too much for the second goes with the next run, unasked."""
    await three(world)
    world.low_space = ALWAYS

    finished = await world.run(keep={"last": 1}, max_destroy=2)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert sum(len(event.names) for event in world.events.of(SnapshotsDestroyed)) == 2
    assert await world.names() == ["three", "four"]

    await world.run(keep={"last": 1}, max_destroy=2)
    assert await world.names() == ["four"]


async def test_p1_datasets_gone_on_the_source_go_after_the_pull_only(memory_world):
    """Before the pull it is not known yet which datasets make trouble, so nothing is judged to be missing by then."""
    world = memory_world
    await world.on_source(Create(""), Create("gone"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(Destroy("gone"), Write(""), Snapshot("", "two"), Write(""), Snapshot("", "three"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "four"))
    world.clock.seconds += 3600
    world.low_space = ALWAYS

    await world.run(**KEEP, missing={"rename_aside_after": "1m"})

    kinds = [
        type(event) for event in world.events if isinstance(event, Resolved | SnapshotsDestroyed | TransferStarted)
    ]
    assert kinds == [SnapshotsDestroyed, TransferStarted, SnapshotsDestroyed, Resolved]


@pytest.mark.lab
@pytest.mark.timeout(300)
async def test_a_pull_that_would_not_fit_fits_after_retention(real_world):
    """On a pool that is nearly full, what the rules give up makes the room that the increment needs."""
    world = real_world
    await world.on_source(
        Create(""), Write("", size=40 * MIB), Snapshot("", "one"), Erase(""), Write(""), Snapshot("", "two")
    )
    await world.run()
    await world.on_source(Write("", size=40 * MIB), Snapshot("", "three"))
    world.low_space = LowSpace(size_bytes=100 * MIB)
    await world.fill_target(left_bytes=20 * MIB)
    try:
        finished = await world.run(**KEEP)
    finally:
        await world.fill_target(left_bytes=None)

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert [event.names for event in world.events.of(SnapshotsDestroyed)] == [("one",), ("two",)]
    assert await world.names() == ["three"]


async def test_what_a_new_rule_would_destroy_is_known_without_the_source(world):
    """An edit beyond the limit is seen by the target's listing alone; once pruned by the new rules it is no more."""
    await three(world)
    await world.on_target(Hold("", "two"))
    edited = world.job(keep={"last": 1}, max_destroy=0)
    now = world.clock.now()
    world.count()

    found = await foresee_job(edited, world.target, now=now)
    asked = world.count().source
    enough = await foresee_job(world.job(keep={"last": 1}, max_destroy=1), world.target, now=now)
    await prune_job(edited, world.context(), run_id="run", confirmed=True)

    assert (found.count, found.limit, found.total, asked) == (1, 0, 3, 0)
    assert enough is None
    assert await world.names() == ["two", "three"]
    assert await foresee_job(edited, world.target, now=now) is None


async def test_a_target_that_is_not_there_has_nothing_to_lose(world):
    """A job that is new, or whose pool is not imported, is no edit that destroys."""
    assert await foresee_job(world.job(keep={"last": 1}, max_destroy=0), world.target, now=0) is None
