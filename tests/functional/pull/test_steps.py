"""What the steps of many datasets cost besides their streams."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.contract.actions import Create, Snapshot, Write
from tests.contract.memory_world import MemoryWorld
from tests.functional.hosts.test_bookkeeping import Marks
from tests.functional.hosts.waiting import until
from zfspull.events import CursorMoved, Noticed, Outcome, TransferFinished, TransferStarted
from zfspull.hosts.bookkeeping import JOINED
from zfspull.hosts.slots import Slots
from zfspull.hosts.source import SshSource


DATASETS = 60
_MARKING = ("bookmark", "destroy_bookmark", "hold", "release")


class Marking:
    """The source in memory, whose marks are made by commands over SSH as well.

    Attributes:
        sending, most_sending: how many streams flow now, and flowed at once at most.
    """

    def __init__(self, inner, over_ssh):
        self._inner = inner
        self._over_ssh = over_ssh
        self.sending = self.most_sending = 0

    def __getattr__(self, name):
        if name not in _MARKING:
            return getattr(self._inner, name)

        async def both(*args):
            await getattr(self._over_ssh, name)(*args)
            await getattr(self._inner, name)(*args)

        return both

    async def send(self, step, sink, expect):
        self.sending += 1
        self.most_sending = max(self.most_sending, self.sending)
        try:
            await asyncio.sleep(0.005)
            return await self._inner.send(step, sink, expect)
        finally:
            self.sending -= 1


@pytest.fixture
async def world(ssh_host):
    """A replica of many datasets, and a new snapshot of each."""
    world = MemoryWorld()
    world.machine = "box"
    paths = ["", *(f"data {number}" for number in range(1, DATASETS))]
    await world.on_source(*(action for path in paths for action in (Create(path), Write(path))))
    await world.on_source(Snapshot("", "one", recursive=True))
    world.marks = Marks(ssh_host)
    world.source = Marking(world.source, SshSource(ssh_host.connection()))
    world.first = await world.run()
    world.first_lines = list(ssh_host.lines)
    ssh_host.lines.clear()
    await world.on_source(*(Write(path) for path in paths))
    await world.on_source(Snapshot("", "two", recursive=True))
    return world


async def test_bookkeeping_of_many_steps_takes_few_commands(world, ssh_host):
    """A step for each of sixty datasets: their marks move by a dozen commands, not by two for each."""
    finished = await world.run()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, DATASETS), finished.error
    assert len(world.events.of(CursorMoved)) == DATASETS
    assert len(ssh_host.lines) <= 2 * -(-DATASETS // JOINED.requests)
    assert sum(line.count("zfs bookmark") for line in ssh_host.lines) == DATASETS
    assert sum(line.count("zfs destroy") for line in ssh_host.lines) == DATASETS
    assert len(world.marks.made) == DATASETS


async def test_first_sends_hold_no_more_than_they_must(world):
    """Of a first run, all is held and released again, and each dataset is left with one bookmark."""
    assert world.first.outcome is Outcome.SUCCESS
    assert sum(line.count("zfs hold") for line in world.first_lines) >= 1
    assert not any(" " in mark.partition("@")[2] for mark in world.marks.made)


async def test_p5_no_stream_starts_before_its_mark_is_made(world):
    """However marks are gathered, the bookmark of what is sent is there before its stream is."""
    early = []
    events = world.events

    class Watcher:
        def emit(self, event):
            events.emit(event)
            if isinstance(event, TransferStarted):
                source = event.dataset.replace(world.target_root, world.source_root, 1)
                early.append(sum(mark.startswith(f"{source}#") for mark in world.marks.made) < 2)

        def clear(self):
            events.clear()

    world.events = Watcher()

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS
    assert early == [False] * DATASETS


async def test_one_that_may_not_be_marked_is_told_alone(world):
    """One dataset whose marks are refused is told once, and is pulled all the same; the others have their marks moved."""
    world.marks.refused = {f"{world.source_root}/data 7"}

    finished = await world.run()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, DATASETS), finished.error
    assert {event.dataset for event in world.events.of(Noticed)} == {f"{world.target_root}/data 7"}


async def test_slots_are_for_streams_only(world):
    """As many streams flow at once as may, and no place is taken by what comes before or after a stream."""
    context, slots = world.context, Slots(asyncio.Semaphore(3), asyncio.Semaphore(4))
    looking = asyncio.Event()
    original = world.target.look

    async def look(name, snapshot):
        if len(world.events.of(TransferStarted)) < DATASETS:  # none is verified before all have flowed
            await looking.wait()
        return await original(name, snapshot)

    world.target.look = look
    world.context = lambda: replace(context(), slots=slots)
    running = asyncio.create_task(world.run())
    await until(lambda: len(world.events.of(TransferStarted)) == DATASETS)
    looking.set()

    assert (await running).outcome is Outcome.SUCCESS
    assert world.source.most_sending == 3
    assert len(world.events.of(TransferFinished)) == DATASETS


async def test_p5_what_a_run_that_died_has_marked_is_swept_by_the_next(world):
    """A run that ends in the middle has marked what it never sent; the next one pulls all, and leaves one mark each."""
    look, looked = world.target.look, []

    async def seldom(name, snapshot):
        looked.append(name)
        if len(looked) > 5:
            await asyncio.Event().wait()
        return await look(name, snapshot)

    world.target.look = seldom
    running = asyncio.create_task(world.run())
    await until(lambda: len(world.events.of(TransferFinished)) == 5)
    running.cancel()
    await asyncio.wait({running})
    world.target.look = look
    assert len(world.marks.made) > DATASETS
    await world.on_source(Snapshot("", "three", recursive=True))

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (len(await world.names()), len(await world.names("data 59"))) == (3, 3)
    assert len(world.marks.made) == DATASETS
