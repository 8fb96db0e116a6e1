"""A source that lies when it is asked to send: other streams than were asked for, false ends, and floods of words."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from tests.contract.actions import Create, Snapshot, Write
from tests.functional.hostile.liar import ESCAPE, floods, framed, is_inert
from tests.functional.hosts.sshhost import MIB
from zfspull.events import DatasetDestroyed, DatasetFailed, Outcome, SnapshotsDestroyed, TransferFinished
from zfspull.hosts.memory import sending
from zfspull.hosts.memory.frames import Begin
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Kind
from zfspull.zfs.model import Snapshot as Listed


async def failed(world, *, outcomes=(Outcome.FAILED, Outcome.PARTIAL), **wishes):
    """Run a job that must fail; nothing that was there may have changed. The reasons by dataset."""
    before = world.kept()
    finished = await world.run(**wishes)
    after = world.kept()
    assert finished.outcome in outcomes, finished
    assert {name: shots for name, shots in before.items() if after[name][: len(shots)] != shots} == {}
    assert not [event for event in world.events if isinstance(event, SnapshotsDestroyed | DatasetDestroyed)]
    assert is_inert(world.shown())
    return {event.dataset: event.reason for event in world.events.of(DatasetFailed)}


async def test_a_guid_in_the_listing_that_is_another_in_the_stream(world):
    """What arrives with another guid than was listed has not arrived, and is never told as up to date."""
    true = {node.shot("three").guid for node in world.source_pools.nodes.values() if node.shot("three")}
    lied = {guid: guid + 1 for guid in true}

    def lie(text):
        for guid, other in lied.items():
            text = text.replace(f"\t{guid}\t", f"\t{other}\t")
        return text

    world.liar.points = lie
    world.turn()

    assert await failed(world) == dict.fromkeys(("vault/copy", "vault/copy/a"), "not_arrived")
    assert not world.events.of(TransferFinished)
    await failed(world, outcomes=(Outcome.REFUSED,))


async def test_the_stream_of_another_dataset(world):
    """An increment of another dataset finds no base here, and a new replica of another dataset is none."""
    await world.on_source(Create("b"), Write("b"), Snapshot("b", "three"))
    pools = world.source_pools

    def other(words):
        if words[-1] == "tank/data/b@three":
            return framed(sending.send(pools, "tank/data/a", "three", None))
        swapped = {"tank/data@three": "tank/data/a", "tank/data/a@three": "tank/data"}[words[-1]]
        return framed(sending.send(pools, swapped, "three", "@two"))

    world.liar.send = other
    world.turn()

    reasons = await failed(world)

    assert reasons == {"vault/copy": "base_differs", "vault/copy/a": "base_differs", "vault/copy/b": "not_arrived"}


async def test_everything_anew_instead_of_an_increment(world):
    """A whole stream where an increment was asked for meets the replica, which nothing overwrites: there is no -F."""
    world.liar.send = lambda words: framed(sending.send(world.source_pools, *words[-1].split("@"), None))
    world.turn()

    assert set((await failed(world, outcomes=(Outcome.REFUSED,))).values()) <= {"target_exists"}


async def test_plain_in_place_of_ciphertext(world):
    """A dataset that was listed as encrypted and comes as plain text is not taken for its backup."""
    await world.on_source(Create("secret", key="correct horse"), Write("secret"), Snapshot("secret", "three"))
    honest = world.liar.honest

    def plain(words):
        if words[-1] != "tank/data/secret@three":
            return honest(words)
        return framed(sending.send(world.source_pools, "tank/data/secret", "three", None, raw=False))

    world.liar.send = plain
    world.turn()

    assert await failed(world) == {"vault/copy/secret": "raw_lineage_broken"}


async def test_a_volume_that_comes_as_a_filesystem(world):
    """Something of another kind than was listed is refused by the next run, and never replaced."""
    await world.on_source(Create("disk"), Write("disk"), Snapshot("disk", "three"))
    world.liar.datasets = lambda text: text.replace("tank/data/disk\tfilesystem", "tank/data/disk\tvolume")
    world.turn()
    await world.run()

    await failed(world, outcomes=(Outcome.REFUSED, Outcome.PARTIAL))


@pytest.mark.parametrize("garbage", [b"", ESCAPE.encode() * 1_000, b"ZMEM" + b"B" * MIB, b"\xff" * MIB])
async def test_no_stream_at_all(world, garbage):
    """Bytes that are no stream are refused by the receiver, whatever the exit status says."""
    world.liar.send = lambda _words: garbage
    world.liar.stderr = ESCAPE + "all is well\n"
    world.turn()

    assert set(await failed(world)) == {"vault/copy", "vault/copy/a"}


@pytest.mark.parametrize(
    ("keep", "status", "reason"),
    [
        (0.5, 0, "stream_ended"),
        (1.0, 1, "unknown"),
        (1.0, 255, "unknown"),
        (1.0, None, "killed"),
        (0.5, None, "killed"),
    ],
)
async def test_lies_about_the_end(world, keep, status, reason):
    """Half a stream with status 0, and all of it with any other end than that, is no success."""

    def cut(words):
        stream = world.liar.honest(words)
        return stream[: int(len(stream) * keep)]

    world.liar.send, world.liar.status = cut, status
    world.liar.stderr = "" if status is None else f"{ESCAPE}nothing to see\n"
    world.turn()

    assert set((await failed(world)).values()) == {reason}
    assert not world.events.of(TransferFinished)


async def test_a_resume_token_for_something_else(world):
    """A stream that plants a token of another dataset here, cut off, is not gone on with: the token is seen through."""
    pools = world.source_pools

    def planted(words):
        begin, *rest = sending.send(pools, *words[-1].split("@"), "@two")
        assert isinstance(begin, Begin)
        return framed([replace(begin, to_name="tank/payroll@three", to_guid=4711), *rest[:1]])

    world.liar.send = planted
    world.turn()
    await failed(world)
    assert world.target_pools.nodes["vault/copy"].partial is not None

    world.liar.send = world.liar.honest
    world.host.commands.clear()
    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert not [words for words in world.host.commands if words[1] == "send" and "-t" in words]


async def test_a_stream_without_end(world):
    """A stream that goes on until the pool is full ends as want of room here; what was there stays."""
    await world.fill_target(left_bytes=256 << 10)
    name, data = "vault/copy", bytes(MIB)

    def endless(words):
        node = world.source_pools.nodes[words[-1].partition("@")[0]]
        shot = node.shot("three")
        shot.content = (*shot.content, replace(shot.content[-1], stored=data))
        return world.liar.honest(words)

    world.liar.send = endless
    world.turn()

    assert (await failed(world))[name] == "out_of_space"


@pytest.mark.slow
async def test_a_flood_of_words_during_a_send(world):
    """64 MiB on standard error beside a stream cost no memory, and what is told of them is short and harmless."""
    world.turn()
    world.host.script = _sends_only(
        world, floods(ESCAPE.encode() + b"x" * 32_768, stderr=True, most_bytes=64 * MIB, then=lambda one: one.exit(1))
    )

    tracemalloc.start()
    try:
        assert set((await failed(world)).values()) <= {"unknown", "stream_ended"}
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()
    assert all(len(event.message) < 4_000 for event in world.events.of(DatasetFailed))


async def test_a_flood_of_words_is_not_looked_through_again_and_again(world):
    """Once there was more than is kept, what else is said is not read any more: a flood is no work."""
    there = world.turn()
    world.host.script = floods(b"x" * 1_000, stderr=True, most_bytes=MIB, then=lambda one: one.exit(1))
    heard = []
    step = Step(
        kind=StepKind.FULL, source="tank/data", target="vault/x", dataset_kind=Kind.FILESYSTEM,
        to=Listed(name="three", guid=1, createtxg=1, creation=1),
    )  # fmt: skip

    class Nowhere:
        pending_bytes = 0
        broken = False

        def write(self, data):
            pass

        async def drain(self):
            pass

    await there._connection.stream(["zfs", "send", str(step)], Nowhere(), limiter=None, on_stderr=heard.append)

    assert 0 < len(heard) < 100
    assert max(map(len, heard)) <= 33_000


def _sends_only(world, script):
    """Lists honestly, and does `script` for a send."""

    async def either(words, process):
        await (script if words[1] == "send" else world.liar)(words, process)

    return either
