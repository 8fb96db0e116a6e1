"""A source that lies when it is asked what it has: floods, garbage, names that mean something elsewhere."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from contextlib import contextmanager

import pytest

from tests.functional.hostile.liar import DESTRUCTIVE, ESCAPE, floods, is_inert, words_of
from tests.functional.hosts.sshhost import MIB, silent
from tests.functional.hosts.waiting import until
from zfspull.errors import PermanentError, TransientError, ZfspullError
from zfspull.events import Outcome, RunFinished
from zfspull.hosts import source
from zfspull.zfs import rows


ROOT = "tank/data"


@contextmanager
def peak(most_bytes):
    """No more memory is taken at any moment, by the puller and by the server of the test together."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


async def refused_listing(world):
    """Run a job that must fail at its listing and change nothing; the reason."""
    before = world.kept()
    finished = await world.run()
    assert finished.outcome is Outcome.FAILED
    assert world.kept() == before
    assert not [event for event in world.events if isinstance(event, DESTRUCTIVE)]
    assert not any(words[1] == "send" for words in world.host.commands)
    assert is_inert(world.shown())
    return finished.reason


async def test_an_honest_source_is_believed(world):
    """The scene is sound: without a lie the same run brings both datasets up to date."""
    world.turn()

    finished = await world.run()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 2), finished.error
    assert is_inert(world.shown())


@pytest.mark.parametrize("chunk", [b"\n" * 32_768, b"x" * 32_768, b"tank/data\tfilesystem\t" * 1_500])
async def test_endless_listing(world, monkeypatch, chunk):
    """A listing without end is cut off at the bound, with words that say so, and costs no more memory than that."""
    monkeypatch.setattr(source, "MAX_LISTING_BYTES", 8 * MIB)
    world.turn()
    world.host.script = floods(chunk)

    with peak(40 * MIB):
        assert await refused_listing(world) == "too_much"

    assert f"more than {8 * MIB} bytes" in world.events.one(RunFinished).error
    await until(lambda: not world.host.running)


async def test_endless_answer(world, monkeypatch):
    """What is no listing has far less to say, and is cut off far earlier."""
    monkeypatch.setattr(source, "MAX_ANSWER_BYTES", MIB)
    there = world.turn()
    world.host.script = floods(b"tank/data@one\ttag\tnow\n" * 1_000)

    with pytest.raises(PermanentError) as caught:
        await there.list_holds(["tank/data@one"])

    assert (caught.value.reason, caught.value.host) == ("too_much", "gw")
    assert caught.value.hint


@pytest.mark.slow
async def test_endless_complaint(world):
    """64 MiB on standard error of a listing cost no memory, and its first words are told."""
    world.turn()
    world.host.script = floods(
        b"cannot open: " + ESCAPE.encode() + b"x" * 32_768,
        stderr=True,
        most_bytes=64 * MIB,
        then=lambda one: one.exit(1),
    )

    with peak(24 * MIB):
        assert await refused_listing(world) == "unknown"

    assert "cannot open" in world.events.one(RunFinished).error
    assert len(world.events.one(RunFinished).error) < 4_000


async def test_a_drip_that_never_ends(world):
    """A listing that comes byte by byte for ever is given up when its time is over."""
    world.turn(command_timeout_seconds=0.5)
    world.host.script = silent(after_bytes=10)

    assert await refused_listing(world) == "timeout"


@pytest.mark.slow
async def test_200_000_snapshots(world):
    """A listing of 200 000 snapshots is read in bounded time, while everybody else goes on."""
    more = "".join(
        f"{ROOT}@auto_{number:06}\tsnapshot\t{10**15 + number}\t{number + 1}\t1600000000\t-\t0\t-\n"
        for number in range(200_000)
    )
    world.liar.points = lambda text: more + text
    there = world.turn()
    started = time.monotonic()

    async with asyncio.timeout(50):
        listing_it = asyncio.create_task(there.list_tree(ROOT, recursive=True))
        delay_seconds = 0.0
        while not listing_it.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            delay_seconds = max(delay_seconds, time.monotonic() - before)
        tree = await listing_it

    assert len(tree.datasets[""].snapshots) == 200_003
    assert time.monotonic() - started < 40
    assert delay_seconds < 2, "the loop stood still, though the machine may be busy"


async def test_too_many_lines(world, monkeypatch):
    """More lines than any source has are refused, though they are few bytes."""
    monkeypatch.setattr(rows, "MAX_LINES", 1_000)
    world.liar.points = lambda text: (
        text + "".join(f"{ROOT}@s{number}\tsnapshot\t1\t1\t1\t-\t0\t-\n" for number in range(1_000))
    )
    world.turn()

    assert await refused_listing(world) == "listing"
    assert "more than 1000 lines" in world.events.one(RunFinished).error


def dataset(name, kind="filesystem", **columns):
    said = {"guid": "7", "encryptionroot": "-", "keystatus": "-", "token": "-", "written": "0", "mounted": "yes",
            "readonly": "off", "origin": "-"} | columns  # fmt: skip
    return "\t".join((name, kind, *said.values())) + "\n"


def snapshot(name, **columns):
    said = {"guid": "7", "createtxg": "1", "creation": "1", "ivsetguid": "-", "userrefs": "0", "clones": "-"} | columns
    return "\t".join((name, "snapshot", *said.values())) + "\n"


LIES_ABOUT_DATASETS = [
    "\n", "\x00\xff\udcff\x1b[2J", dataset(f"{ROOT}/a\nb"), dataset(f"{ROOT}/{ESCAPE}"), dataset(f"{ROOT}/../../etc"),
    dataset("/etc"), dataset(f"{ROOT}//etc"), dataset(f"{ROOT}/."), dataset("tank"), dataset("tank/database"),
    dataset("rpool/home"), dataset(ROOT), dataset(f"{ROOT}/x\udcff"), dataset(f"{ROOT}/%recv"), dataset(f"{ROOT}/-o a=b@c"),
    dataset(f"{ROOT}/$(reboot)"), dataset(f"{ROOT}/{'x' * 300}"), dataset(f"{ROOT}/x", kind=f"file{ESCAPE}"),
    dataset(f"{ROOT}/x", guid="-1"), dataset(f"{ROOT}/x", guid="9" * 5_000), dataset(f"{ROOT}/x", guid="٣"),
    dataset(f"{ROOT}/x", encryptionroot=f"tank{ESCAPE}"), dataset(f"{ROOT}/x", origin=ESCAPE),
    dataset(f"{ROOT}/x", token=ESCAPE), "\t" * 100_000,
]  # fmt: skip
LIES_ABOUT_SNAPSHOTS = [
    "garbage\n", snapshot(f"{ROOT}@a\nb"), snapshot(f"{ROOT}@{ESCAPE}"), snapshot(f"{ROOT}@../x"), snapshot(f"{ROOT}@a%b"),
    snapshot(f"{ROOT}@a,b"), snapshot(f"{ROOT}@"), snapshot(f"{ROOT}@a@b"), snapshot("rpool/home@a"), snapshot("tank@a"),
    snapshot(f"{ROOT}@one"), snapshot(f"{ROOT}@{'x' * 300}"), snapshot(f"{ROOT}@x\udcff"), snapshot(f"{ROOT}/\udcff@x"),
    snapshot(f"{ROOT}@x", guid=str(2**64)), snapshot(f"{ROOT}@x", creation="-1"), snapshot(f"{ROOT}@x", createtxg="1e9"),
    snapshot(f"{ROOT}@x", clones=ESCAPE), snapshot(f"{ROOT}@x", userrefs="many"),
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES_ABOUT_DATASETS, ids=ascii)
async def test_no_such_dataset(world, lie):
    """Whatever no zfs(8) prints of a dataset, or of one outside the root, fails the whole listing; nothing is sent."""
    world.liar.datasets = lambda text: text + lie
    world.turn()

    assert await refused_listing(world) == "listing"


@pytest.mark.parametrize("lie", LIES_ABOUT_SNAPSHOTS, ids=ascii)
async def test_no_such_snapshot(world, lie):
    """The same of snapshots: of names, of numbers, of datasets outside the root, and of two of one name."""
    world.liar.points = lambda text: text + lie
    there = world.turn()

    assert await refused_listing(world) == "listing"
    with pytest.raises(ZfspullError) as caught:
        await there.list_tree(ROOT, recursive=True)
    assert is_inert(words_of(caught.value))


async def test_a_snapshot_from_the_end_of_time(world):
    """A time of creation that no calendar has is taken for its last year, and neither the run nor a display stumbles."""
    world.liar.points = lambda text: text.replace(f"\t{int(world.clock.seconds)}\t", f"\t{2**64 - 1}\t")
    there = world.turn()

    newest = (await there.list_tree(ROOT, recursive=True)).datasets[""].snapshots[-1]
    finished = await world.run(keep={"last": 3, "daily": 3, "within": "1d"})

    assert time.gmtime(newest.creation).tm_year == 9999
    assert finished.outcome is Outcome.SUCCESS, finished.error


async def test_a_million_clones_of_one_snapshot(world):
    """Of clones no more is remembered than that there are some."""
    world.liar.points = lambda text: text.replace("\t0\t-\n", "\t0\t" + "a," * 1_000_000 + "a\n")
    there = world.turn()

    tree = await there.list_tree(ROOT, recursive=True)

    assert all(len(one.clones) == 100 for one in tree.datasets[""].snapshots)


async def test_a_host_that_hangs_after_the_login(world):
    """A host that takes the command and then says nothing is given up when the command's time is over."""
    there = world.turn(command_timeout_seconds=0.5)
    world.host.script = silent()

    with pytest.raises(TransientError) as caught:
        await there.list_tree(ROOT, recursive=True)

    assert (caught.value.reason, caught.value.host) == ("timeout", "gw")
    await until(lambda: not world.host.running)
