"""Requests that go together: who gets which answer, in which company, and what a cancellation does."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.coalesce import Bounds, Coalescer


class Desk:
    """Doubles numbers, one batch after the other; 7 fails, and 13 lets its whole batch fail.

    Attributes:
        batches: what went together, in order.
        most: how many batches were under way at once at most.
        gate: closed, no batch ends.
        patience: how long a request may wait for others, in seconds.
    """

    def __init__(self, *, requests=5, size_bytes=1 << 20, batches=1):
        self.batches = []
        self.patience = 0.0
        self.under_way = self.most = self.cancelled = 0
        self.gate = asyncio.Event()
        self.coalescer = Coalescer(
            self._act,
            lambda number: number,
            Bounds(requests=requests, bytes=size_bytes, batches=batches),
            patience=lambda: self.patience,
        )

    async def _act(self, numbers):
        self.batches.append(list(numbers))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        if 13 in numbers:
            raise TransientError("all of it", reason="timeout")
        return [PermanentError("seven") if number == 7 else number * 2 for number in numbers]

    def ask(self, *numbers):
        return [asyncio.create_task(self.coalescer.ask(number)) for number in numbers]


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 3)), max_size=30),
    st.integers(1, 6),
    st.integers(1, 60),
    st.integers(1, 3),
)
def test_each_gets_its_own_answer(asked, requests, size_bytes, batches):
    """Whoever asks when and gives up when: each other one gets its own answer or error, and the bounds are kept."""

    async def scenario():
        desk = Desk(requests=requests, size_bytes=size_bytes, batches=batches)
        tasks = []
        for number, gives_up, pause in asked:
            tasks += desk.ask(number)
            await turns(pause)
            if gives_up:
                tasks[-1].cancel()
            if pause == 3:
                desk.gate.set()
        desk.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return desk, answers

    desk, answers = asyncio.run(scenario())

    ruined = {number for batch in desk.batches if 13 in batch for number in batch}
    for (number, gives_up, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, asyncio.CancelledError):
            assert gives_up
        elif isinstance(answer, TransientError):
            assert number in ruined
        elif isinstance(answer, PermanentError):
            assert number == 7
        else:
            assert answer == number * 2
    assert all(len(batch) <= requests and (len(batch) == 1 or sum(batch) <= size_bytes) for batch in desk.batches)
    assert desk.most <= batches


async def test_what_comes_meanwhile_makes_up_the_next_batch():
    """One that comes alone goes at once; those that come while it is under way go together, in order."""
    desk = Desk()
    tasks = desk.ask(1)
    await turns()
    tasks += desk.ask(2, 3, 4)
    await turns()
    assert desk.batches == [[1]]

    desk.gate.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert desk.batches == [[1], [2, 3, 4]]


async def test_what_is_asked_in_one_breath_goes_together():
    """Requests that are made in the same moment are one batch, even if nothing was under way."""
    desk = Desk(requests=50)
    desk.gate.set()

    await asyncio.gather(*desk.ask(*range(20, 60)))

    assert desk.batches == [list(range(20, 60))]


async def test_a_batch_goes_on_for_the_others():
    """Who gives up takes nobody along, neither in the batch that is under way nor in the queue."""
    desk = Desk(requests=2)
    tasks = desk.ask(1, 2, 3, 4)
    await turns()
    tasks[0].cancel()
    tasks[2].cancel()
    desk.gate.set()

    await asyncio.wait(tasks)

    assert (tasks[1].result(), tasks[3].result()) == (4, 8)
    assert desk.batches == [[1, 2], [4]]
    assert desk.cancelled == 0


async def test_a_batch_that_nobody_waits_for_is_ended():
    """With the last one that gives up the batch ends too, before that one goes on; the next in the queue is served."""
    desk = Desk(requests=2)
    first, second, third = desk.ask(1, 2, 3)
    await turns()
    first.cancel()
    second.cancel()
    await asyncio.wait({first, second})
    assert (desk.cancelled, desk.batches) == (1, [[1, 2], [3]])

    desk.gate.set()

    assert await third == 6


async def test_an_error_of_all_is_each_ones_own():
    """What the whole batch failed of is told to each as an error of its own, with the same words."""
    desk = Desk()
    desk.gate.set()

    errors = await asyncio.gather(*desk.ask(13, 1), return_exceptions=True)

    assert [(type(error), error.message, error.reason) for error in errors] == [
        (TransientError, "all of it", "timeout")
    ] * 2
    assert errors[0] is not errors[1]


async def test_a_single_failure_is_told_to_the_one_that_it_concerns():
    """An answer that is an error is raised where it belongs, and the others have their answers."""
    desk = Desk()
    desk.gate.set()
    tasks = desk.ask(6, 7, 8)

    with pytest.raises(PermanentError, match="seven"):
        await tasks[1]

    assert (await tasks[0], await tasks[2]) == (12, 16)


async def test_one_that_is_patient_waits_for_others():
    """Where others are expected a request waits for them: until there are enough, or its time is up, or none is expected."""
    desk = Desk(requests=3)
    desk.gate.set()
    desk.patience = 3600.0
    full = desk.ask(1, 2)
    await turns()
    assert desk.batches == []
    full += desk.ask(3)
    assert await asyncio.gather(*full) == [2, 4, 6]

    desk.patience = 0.02
    late = desk.ask(4)
    await turns()
    assert desk.batches == [[1, 2, 3]]
    assert await asyncio.gather(*late) == [8]

    desk.patience = 3600.0
    waiting = desk.ask(5)
    await turns()
    desk.patience = 0.0
    assert await asyncio.gather(*waiting, *desk.ask(6)) == [10, 12]
    assert desk.batches == [[1, 2, 3], [4], [5, 6]]
