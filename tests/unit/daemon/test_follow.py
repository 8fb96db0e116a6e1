"""Following a run."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from zfspull.daemon.follow import Follower
from zfspull.events import Noticed, TransferProgress


def progress(dataset: str, moved: int) -> TransferProgress:
    return TransferProgress(at=0.0, dataset=dataset, moved_bytes=moved, expected_bytes=None, bytes_per_second=0.0)


def notice(number: int) -> Noticed:
    return Noticed(at=float(number), reason="test", message=str(number))


async def drained(follower: Follower) -> list:
    follower.end("done")
    events = []
    while (event := await follower.next()) is not None:
        events.append(event)
    return events


async def test_events_come_in_order_and_then_the_end():
    """A follower who keeps up misses nothing."""
    follower = Follower()
    for number in range(3):
        follower.emit(notice(number))

    assert [event.message for event in await drained(follower)] == ["0", "1", "2"]
    assert follower.result == "done"


async def test_only_the_latest_progress_of_a_dataset_waits():
    """A slow reader is told how far a transfer is, not how far it once was."""
    follower = Follower()
    for moved in range(10):
        follower.emit(progress("a", moved))
        follower.emit(progress("b", moved))

    assert [(event.dataset, event.moved_bytes) for event in await drained(follower)] == [("a", 9), ("b", 9)]


@given(st.lists(st.one_of(st.integers(0, 20).map(notice), st.text("abcdef", min_size=1).map(lambda d: progress(d, 1)))))
async def test_a_reader_who_never_reads_costs_little_and_is_told_what_is_missing(events):
    """P9: the queue is bounded, whatever comes; the newest events are kept, and it is said how many are not there."""
    follower = Follower(max_events=5, max_progress=3)
    for event in events:
        follower.emit(event)
    kept = await drained(follower)

    notices = [event for event in events if isinstance(event, Noticed)]
    missing = max(0, len(notices) - 5)
    told = [event for event in kept if isinstance(event, Noticed) and event.reason == "events_dropped"]
    assert [event.message.split(": ")[-1] for event in told] == [str(missing)] * (missing > 0)
    assert [event for event in kept if isinstance(event, Noticed) and event not in told] == notices[-5:]
    latest = list(dict.fromkeys(event.dataset for event in reversed(events) if isinstance(event, TransferProgress)))
    assert [event.dataset for event in kept if isinstance(event, TransferProgress)] == latest[:3][::-1]
    assert follower.dropped == missing


async def test_each_gap_is_told_in_its_place():
    """What is missing is told before what comes after it, and once."""
    follower = Follower(max_events=2)
    for number in range(4):
        follower.emit(notice(number))
    first = await follower.next()
    for number in range(4, 7):
        follower.emit(notice(number))

    assert (first.reason, first.at, first.message.split(": ")[-1]) == ("events_dropped", 2.0, "2")
    assert [(event.reason, event.message.split(": ")[-1]) for event in await drained(follower)] == [
        ("events_dropped", "3"),
        ("test", "5"),
        ("test", "6"),
    ]


async def test_a_large_tree_is_told_as_a_whole():
    """Of ten thousand datasets that are told of without a pause, a reader who reads misses none."""
    follower = Follower()
    for number in range(10_000):
        follower.emit(notice(number))
        follower.emit(progress(str(number), 1))

    kept = await drained(follower)
    assert sum(isinstance(event, Noticed) for event in kept) == 10_000
    assert follower.dropped == 0


async def test_the_end_wakes_who_waits():
    """A follower of a run that says nothing is told of its end at once."""
    follower = Follower()
    waiting = asyncio.create_task(follower.next())
    await asyncio.sleep(0)
    follower.end("done")
    follower.end("again")

    assert await waiting is None
    assert follower.result == "done"
