"""P5: a pull that died at any point goes on where it was, or plans anew, and sends nothing twice."""

import asyncio

import pytest

from tests.contract.actions import Create, DestroySnapshots, Rename, Snapshot, Write
from tests.contract.world import assert_equal, guids
from zfspull.events import (
    DatasetObserved,
    Outcome,
    ResumeDiscarded,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from zfspull.hosts.memory import SendFault
from zfspull.hosts.memory.faults import How
from zfspull.hosts.memory.receiving import Reception


SIZE = 2_000_000
CUT = 900_000


async def cut(world, how):
    if how == "receiver":
        await world.cut_receive(CUT)
    else:
        await world.cut_send(CUT, link=how == "link")


@pytest.mark.parametrize("how", ["sender", "receiver", "link"])
@pytest.mark.parametrize("kind", ["full", "increment"])
async def test_p5_interrupted_step_resumes_in_the_next_run(world, how, kind):
    """Whichever end dies, the next run sends only the rest, and the replica is right to the bit."""
    await world.on_source(Create(""), Write("", size=SIZE if kind == "full" else 1000), Snapshot("", "one"))
    if kind == "increment":
        await world.run()
        await world.on_source(Write("", size=SIZE), Snapshot("", "two"))
    await cut(world, how)

    broken = await world.run()
    stale = world.events.one(DatasetObserved)
    token = (await world.tree("target")).datasets[""].resume_token
    finished = await world.run()

    assert broken.outcome is Outcome.FAILED
    assert not stale.up_to_date
    assert token is not None
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert finished.resumed == 1
    assert finished.received_bytes < SIZE - CUT / 2
    assert guids(await world.tree("source")) == guids(await world.tree("target"))
    assert (await world.tree("target")).datasets[""].resume_token is None
    await assert_equal(world, ("", "one" if kind == "full" else "two"))


async def test_p5_interrupted_step_resumes_within_the_run(world):
    """With attempts left, an interruption is overcome in the same run."""
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    await cut(world, "sender")

    finished = await world.run(retry={"attempts": 2, "initial": "1s", "maximum": "1s"})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (finished.resumed, finished.retries) == (1, 1)
    assert world.events.one(TransferFailed).kind == "full"
    await assert_equal(world, ("", "one"))


async def test_p5_resumed_range_goes_on_with_what_follows(world):
    """A range cut in its second snapshot keeps the first, resumes the second, and brings the third."""
    await world.on_source(Create(""), Snapshot("", "base"))
    await world.run()
    await world.on_source(
        Write("", size=1000), Snapshot("", "one"), Write("", size=SIZE), Snapshot("", "two"),
        Write("", size=1000), Snapshot("", "three"),
    )  # fmt: skip
    await cut(world, "sender")

    await world.run()
    halfway = await world.names()
    finished = await world.run()

    assert halfway == ["base", "one"]
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert [event.kind for event in world.events.of(TransferFinished)] == ["resume", "incremental"]
    assert await world.names() == ["base", "one", "two", "three"]
    await assert_equal(world, ("", "two"), ("", "three"))


async def test_p5_encrypted_and_plain_children_resume(world):
    """Below an encrypted parent, a plain child and an encrypted one resume alike, each staying what it is."""
    await world.on_source(Create("", key="one"), Snapshot("", "one"))
    await world.run()
    await world.on_source(Create("plain", plain=True), Write("plain", size=SIZE), Snapshot("plain", "one"))
    await cut(world, "sender")
    plain = await world.run()
    await world.on_source(Create("secret"), Write("secret", size=SIZE), Snapshot("secret", "one"))
    resumed_plain = await world.run(exclude=["secret"])
    await cut(world, "receiver")
    secret = await world.run()

    resumed_secret = await world.run()

    target = (await world.tree("target")).datasets
    assert [run.outcome for run in (plain, secret)] == [Outcome.PARTIAL, Outcome.PARTIAL]
    for finished in (resumed_plain, resumed_secret):
        assert (finished.outcome, finished.resumed) == (Outcome.SUCCESS, 1), finished.error
    assert (target["plain"].encrypted, target["secret"].key_available) == (False, False)
    await assert_equal(world, ("plain", "one"), ("secret", "one"), keys={"secret": "one"})


async def test_p5_full_pool_keeps_what_fits_and_goes_on_when_there_is_room(world):
    """A receive that finds no room fails at the target's door, keeps its beginning, and resumes when there is room."""
    await world.on_source(Create(""), Write("", size=SIZE * 4), Snapshot("", "one"))
    await world.fill_target(left_bytes=SIZE)
    try:
        full = await world.run(retry={"attempts": 3, "initial": "1s", "maximum": "1s"})
        token = (await world.tree("target")).datasets[""].resume_token
    finally:
        await world.fill_target(left_bytes=None)

    finished = await world.run()

    assert (full.outcome, full.reason, full.retries) == (Outcome.FAILED, "out_of_space", 0)
    assert token is not None
    assert (finished.outcome, finished.resumed) == (Outcome.SUCCESS, 1), finished.error
    await assert_equal(world, ("", "one"))


async def test_stale_token_of_a_first_pull_is_discarded(world):
    """When the source has destroyed the snapshot that was being received, the partial state is given up and pulled anew."""
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    await cut(world, "sender")
    await world.run()
    await world.on_source(Snapshot("", "two"), DestroySnapshots("", ("one",)))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert len(world.events.of(ResumeDiscarded)) == 1
    assert await world.names() == ["two"]
    await assert_equal(world, ("", "two"))


async def test_stale_token_of_an_increment_is_discarded(world):
    """The same for an increment; the base stays."""
    await world.on_source(Create(""), Snapshot("", "base"))
    await world.run()
    await world.on_source(Write("", size=SIZE), Snapshot("", "one"))
    await cut(world, "sender")
    await world.run()
    await world.on_source(DestroySnapshots("", ("one",)), Snapshot("", "two"))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert len(world.events.of(ResumeDiscarded)) == 1
    assert await world.names() == ["base", "two"]
    await assert_equal(world, ("", "two"))


async def test_renamed_source_is_no_reason_to_lose_the_replica(world):
    """After the source dataset was renamed, a job with the new name goes on from the same base."""
    await world.on_source(Create(""), Create("old"), Write("old"), Snapshot("", "one", recursive=True))
    target = world.target_root
    world.target_root = f"{target}/replica"
    await world.run(source=f"memory:{world.source_root}/old")
    await world.on_source(Rename("old", "new"), Write("new"), Snapshot("new", "two"))

    finished = await world.run(source=f"memory:{world.source_root}/new")

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two"]


# What follows takes a link that breaks again and again within one run: in memory only.


class Breaking(list):
    """Faults without end: of so many streams the first is broken after so many bytes."""

    def __init__(self, after_bytes, *, every=1):
        super().__init__()
        self.after_bytes = after_bytes
        self.every = every
        self.streams = 0

    def __bool__(self):
        return True

    def pop(self, _):
        self.streams += 1
        return SendFault(self.after_bytes, How.LINK_LOST) if (self.streams - 1) % self.every == 0 else None


def refuse_to_resume(self, begin, _):
    raise self._refuse(begin, "kernel modules must be upgraded to receive this stream.")


@pytest.mark.parametrize("attempts", [3, 20])
async def test_p5_run_whose_beginnings_can_never_be_resumed_ends(memory_world, monkeypatch, attempts):
    """What the target won't resume is thrown away and sent anew once; then it is given up, whatever the attempts left."""
    world = memory_world
    monkeypatch.setattr(Reception, "_resume", refuse_to_resume)
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    world.faults.sends = Breaking(CUT, every=2)

    async with asyncio.timeout(20):
        finished = await world.run(retry={"attempts": attempts, "initial": "1s", "maximum": "300s"})

    assert finished.outcome is Outcome.FAILED
    assert [one.kind for one in world.events.of(TransferStarted)].count("full") == 2
    assert len(world.events.of(ResumeDiscarded)) == 1


async def test_p5_line_that_breaks_all_the_time_brings_it_all_the_same(memory_world):
    """As long as each attempt gets further than the ones before, their number does not matter."""
    world = memory_world
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    world.faults.sends = Breaking(SIZE // 7)

    finished = await world.run(retry={"attempts": 3, "initial": "1s", "maximum": "1s"})

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert finished.retries > 5
    await assert_equal(world, ("", "one"))
