"""The books of what sources lost, between daemon and foreground."""

from types import SimpleNamespace

from tests.contract.actions import Create, DestroySnapshots, Snapshot, Write
from tests.contract.memory_world import MemoryWorld
from zfspull.daemon.books import BooksOnDisk
from zfspull.daemon.work import PullWork
from zfspull.events import Trigger


def generation_of(world):
    """A generation whose two ends are the world's."""
    context = world.context()
    ends = SimpleNamespace(
        source=lambda _: world.source,
        target=world.target,
        slots=lambda _: context.slots,
        stall_timeout_seconds=lambda _: 600.0,
        low_space=context.low_space,
        machine="",
        refused=lambda _: set(),
    )
    return SimpleNamespace(ends=ends)


async def test_daemon_and_foreground_count_in_the_same_books(tmp_path):
    """What one process has seen missing, the next knows: pulls and prunes of several processes add up to the grace."""
    world = MemoryWorld()
    await world.on_source(Create(""), *(one for name in "abc" for one in (Write(""), Snapshot("", name))))
    job = world.job(mirror={"snapshots": True, "grace": "2d"}, max_destroy="100%")

    async def one_process(deed):
        work = PullWork(world.context().clock, BooksOnDisk(tmp_path / "missing"))
        if deed == "pull":
            await work.pull(job, generation_of(world), world.events, trigger=Trigger.OPERATOR, run_id="run")
        else:
            dry_run = deed == "look"
            await work.prune(job, generation_of(world), world.events, run_id="run", dry_run=dry_run, confirmed=False)
        world.later(days=1)
        return await world.names()

    await one_process("pull")
    await world.on_source(DestroySnapshots("", ("a",)))

    assert [await one_process(deed) for deed in ("pull", "look", "prune", "pull")] == [
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["b", "c"],
    ]
    assert [path.name for path in (tmp_path / "missing").iterdir()] == ["job.json"]
