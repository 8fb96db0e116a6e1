"""What both ends say when something is wrong, word for word as far as the classifier goes."""

from dataclasses import replace

import pytest

from tests.contract.actions import Create, DestroySnapshots, LoadKey, Snapshot, UnloadKey, Write, WriteReplica
from zfspull.hosts.ports import Ended
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Bookmark, Kind
from zfspull.zfs.model import Snapshot as Point
from zfspull.zfs.names import join
from zfspull.zfs.stderr import classify
from zfspull.zfs.texts import Side


BIG = 400_000


class Swallow:
    """A sink that keeps what it is given."""

    pending_bytes = 0
    broken = False

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    async def drain(self):
        pass


def step(world, path="", *, to="two", base=None, **fields):
    return Step(
        kind=StepKind.INCREMENTAL if base else StepKind.FULL,
        source=join(world.source_root, path),
        target=join(world.target_root, path),
        dataset_kind=Kind.FILESYSTEM,
        to=Point(name=to, guid=1, createtxg=2, creation=1),
        base=base,
        **fields,
    )


def said(side, ended):
    """The reason in the classifier's table; the command has failed."""
    assert not ended.ok
    row = classify(side, ended.stderr)
    assert row is not None, ended.stderr
    return row.reason


async def test_receive_names_what_stands_in_the_way(world):
    """Each obstacle that a receive meets is told apart from the others."""
    await world.on_source(
        Create(""), Create("a"), Write("a", size=BIG), Snapshot("a", "one"), Write("a", size=BIG),
        Snapshot("a", "two"), Write("a"), Snapshot("a", "three"),
    )  # fmt: skip
    full, increment = await world.stream("a", "one", raw=True), await world.stream("a", "two", "@one", raw=True)
    last = await world.stream("a", "three", "@two", raw=True)
    root = replace(step(world), target=world.target_root)
    reasons = {}

    async def receive(case, data):
        ended = await world.receive(root, data)
        reasons[case] = "fine" if ended.ok else said(Side.TARGET, ended)

    reasons["no parent"] = said(
        Side.TARGET, await world.receive(replace(root, target=f"{world.target_root}/no/parent"), full)
    )
    await receive("nothing", b"")
    await receive("no stream", b"Last login: yesterday\n" * 100)
    await receive("increment of nothing", increment)
    await receive("cut", full[: len(full) // 2])
    await receive("full on a partial one", full)
    await world.target.abort_receive(world.target_root)
    await receive("full", full)
    await receive("full again", full)
    await receive("no base", last)
    await receive("cut increment", increment[: len(increment) // 2])
    await receive("increment on a partial one", increment)
    await world.target.abort_receive(world.target_root)
    await world.on_target(WriteReplica(""))
    await receive("written to", increment)

    assert reasons == {
        "no parent": "target_changed",
        "nothing": "stream_ended",
        "no stream": "bad_stream",
        "increment of nothing": "target_changed",
        "cut": "stream_ended",
        "full on a partial one": "target_exists",
        "full": "fine",
        "full again": "target_exists",
        "no base": "base_differs",
        "cut increment": "stream_ended",
        "increment on a partial one": "partial_state",
        "written to": "target_modified",
    }


async def test_receive_guards_the_raw_lineage(world):
    """Raw onto plain, plain onto locked, a foreign IV set, and a name that is taken, each in its own words."""
    await world.on_source(
        Create("", key="one"), Create("a"), Write("a"), Snapshot("a", "one"), Write("a"), Snapshot("a", "two"),
        Write("a"), Snapshot("a", "three"), Create("p", plain=True), Snapshot("p", "one"), Write("p"),
        Snapshot("p", "two"),
    )  # fmt: skip
    raw = await world.stream("a", "one", raw=True)
    raw_two, raw_three = (
        await world.stream("a", "two", "@one", raw=True),
        await world.stream("a", "three", "@two", raw=True),
    )
    plain_two = await world.stream("a", "two", "@one", raw=False)
    plain, plain_more = await world.stream("p", "one", raw=True), await world.stream("p", "two", "@one", raw=True)
    locked, child = replace(step(world), target=world.target_root), step(world, "p")
    reasons = {}

    async def receive(case, where, data):
        ended = await world.receive(where, data)
        reasons[case] = "fine" if ended.ok else said(Side.TARGET, ended)

    await receive("raw", locked, raw)
    await receive("plain increment onto locked", locked, plain_more)
    await receive("plain child of locked", child, plain)
    await receive("the same, kept plain", replace(child, stay_plain=True), plain)
    await receive("raw onto plain", child, raw_two)
    await world.on_target(LoadKey("", "one"))
    await receive("not raw onto unlocked", locked, plain_two)
    await receive("the same raw", locked, raw_two)
    await receive("raw again", locked, raw_three)
    await world.on_target(UnloadKey(""))

    assert reasons == {
        "raw": "fine",
        "plain increment onto locked": "parent_locked",
        "plain child of locked": "parent_locked",
        "the same, kept plain": "fine",
        "raw onto plain": "source_became_encrypted",
        "not raw onto unlocked": "fine",
        "the same raw": "fine",
        "raw again": "raw_lineage_broken",
    }


async def test_resumed_receive_names_what_stands_in_the_way(world):
    """The rest of a stream finds nothing to go on with, or is told what it may not set."""
    await world.on_source(Create(""), Write("", size=BIG), Snapshot("", "one"))
    full = await world.stream("", "one", raw=True)
    await world.receive(step(world, to="one"), full[: len(full) // 2])
    token = (await world.target.look(world.target_root, "one")).resume_token
    rest = Swallow()
    sent = await world.source.send(replace(step(world, to="one"), token=token), rest, lambda _: None)

    settable = await world.receive(replace(step(world, to="one"), stay_plain=True), rest.data)
    await world.target.abort_receive(world.target_root)
    aborted = (await world.tree("target")).exists
    await world.target.abort_receive(world.target_root)
    gone = await world.receive(step(world, to="one"), rest.data)

    assert sent == Ended(0, sent.stderr)
    assert said(Side.TARGET, settable) == "property"
    assert not aborted
    assert said(Side.TARGET, gone) == "target_changed"


async def test_resumed_increment_finds_a_head_that_was_written_to(world):
    """The rest of an increment is refused at its end when the head was written to meanwhile; the beginning is kept."""
    await world.on_source(Create(""), Snapshot("", "one"), Write("", size=BIG), Snapshot("", "two"))
    first = await world.stream("", "one", raw=True)
    data = await world.stream("", "two", "@one", raw=True)
    await world.receive(step(world, to="one"), first)
    await world.receive(step(world), data[: len(data) // 2])
    token = (await world.target.look(world.target_root, "one")).resume_token
    rest = Swallow()
    await world.source.send(replace(step(world), token=token), rest, lambda _: None)
    await world.on_target(WriteReplica(""))

    ended = await world.receive(step(world), rest.data)

    assert said(Side.TARGET, ended) == "target_modified"
    assert await world.names() == ["one"]
    assert (await world.target.look(world.target_root, "one")).resume_token is not None


async def test_send_names_what_is_missing(world):
    """Each thing that a sender misses is told apart, also by how it is told to go on."""
    await world.on_source(Create(""), Write("", size=BIG), Snapshot("", "one"), Snapshot("", "two"))
    full = await world.stream("", "one", raw=True)
    await world.receive(step(world, to="one"), full[: len(full) // 2])
    token = (await world.target.look(world.target_root, "one")).resume_token
    await world.on_source(DestroySnapshots("", ("one",)))
    mark = Bookmark(name="nope", guid=1, createtxg=1, creation=1)
    nope = Point(name="nope", guid=1, createtxg=1, creation=1)

    async def send(wanted):
        return said(Side.SOURCE, await world.source.send(wanted, Swallow(), lambda _: None))

    assert await send(step(world, "nope")) == "source_changed"
    assert await send(step(world, to="nope")) == "source_changed"
    assert await send(step(world, base=nope)) == "source_changed"
    assert await send(step(world, base=mark)) == "source_changed"
    assert await send(replace(step(world), token=token)) == "token_stale"
    assert await send(replace(step(world), token="1-abc-d-ef")) == "token_corrupt"  # noqa: S106 - no secret


@pytest.mark.parametrize("kind", ["full", "increment"])
async def test_estimate_is_what_the_stream_has(world, kind):
    """The expected size is known before and during the step, and is near to what is sent."""
    await world.on_source(
        Create(""), Write("", size=BIG), Snapshot("", "one"), Write("", size=BIG), Snapshot("", "two")
    )
    base = Point(name="one", guid=1, createtxg=1, creation=1) if kind == "increment" else None
    wanted = step(world, base=base)
    sizes, sink = [], Swallow()

    estimate = await world.source.estimate(wanted)
    sent = await world.source.send(wanted, sink, sizes.append)

    assert sent.ok
    assert sizes[-1] == estimate
    assert abs(estimate - len(sink.data)) < 0.1 * len(sink.data)
