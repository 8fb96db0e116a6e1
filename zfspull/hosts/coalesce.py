"""Requests that go together: while one batch is under way, those that come meanwhile wait and make up the next one.

What a single request costs is then paid once for many, just where many are made at once; one that comes alone is
carried out at once, unless whoever knows that others are on their way has it wait for them a little. Nothing of SSH or
ZFS is known here.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from zfspull.errors import ZfspullError


_Q = TypeVar("_Q")
_A = TypeVar("_A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much goes together.

    Attributes:
        requests: the most in one batch.
        bytes: the most that the requests of one batch may take together; a larger one goes alone.
        batches: the most under way at once. More than one where each request waits for something slow.
    """

    requests: int
    bytes: int = 32 << 10
    batches: int = 1


@dataclass(slots=True, eq=False)
class _Waiting(Generic[_Q, _A]):
    """One request, and whoever waits for its answer."""

    request: _Q
    answer: asyncio.Future[_A] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())


@dataclass(slots=True, eq=False)
class _Batch(Generic[_Q, _A]):
    members: list[_Waiting[_Q, _A]]
    task: asyncio.Task[None] | None = None


class Coalescer(Generic[_Q, _A]):
    """Carries out requests in batches, in the order in which they came.

    Args:
        act: carries out a batch; returns as many answers as there are requests, in their order, an error for each that
            failed. What it raises is told to all of them.
        size_bytes: what one request takes.
        bounds: how much goes together.
        patience: for how many seconds, as things are now, the first one of a batch may wait for others.
    """

    def __init__(
        self,
        act: Callable[[Sequence[_Q]], Awaitable[Sequence[_A | ZfspullError]]],
        size_bytes: Callable[[_Q], int],
        bounds: Bounds,
        *,
        patience: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._act = act
        self._size_bytes = size_bytes
        self._bounds = bounds
        self._patience = patience
        self._queue: deque[_Waiting[_Q, _A]] = deque()
        self._under_way: set[_Batch[_Q, _A]] = set()
        self._is_due = False

    async def ask(self, request: _Q) -> _A:
        """Have the request carried out, alone or with others.

        If the caller is cancelled the others' requests go on; a batch that nobody waits for any more is cancelled.
        """
        waiting: _Waiting[_Q, _A] = _Waiting(request)
        self._queue.append(waiting)
        self._be_due()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            await self._give_up(waiting)
            raise

    def _be_due(self) -> None:
        """Start batches when all that can run now has run: what is asked for in one breath goes together."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._is_due = False
        while len(self._under_way) < self._bounds.batches and not self._is_early() and (members := self._take()):
            batch = _Batch(members)
            self._under_way.add(batch)
            batch.task = asyncio.create_task(self._carry_out(members))
            batch.task.add_done_callback(partial(self._ended, batch))

    def _is_early(self) -> bool:
        """Whether the next batch is to wait for more requests; then it is looked at again when its time has come."""
        if not self._queue or len(self._queue) >= self._bounds.requests:
            return False
        loop = asyncio.get_running_loop()
        at = self._queue[0].since + self._patience()
        if at <= loop.time():
            return False
        loop.call_at(at, self._be_due)
        return True

    def _take(self) -> list[_Waiting[_Q, _A]]:
        """The next batch; who was cancelled while waiting is left out."""
        taken: list[_Waiting[_Q, _A]] = []
        size = 0
        while self._queue and len(taken) < self._bounds.requests:
            waiting = self._queue[0]
            if not waiting.answer.done():
                size += self._size_bytes(waiting.request)
                if taken and size > self._bounds.bytes:
                    break
                taken.append(waiting)
            self._queue.popleft()
        return taken

    async def _carry_out(self, members: Sequence[_Waiting[_Q, _A]]) -> None:
        try:
            answers = await self._act([waiting.request for waiting in members])
            for waiting, answer in zip(members, answers, strict=True):
                _tell(waiting.answer, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for those who wait
            for waiting in members:
                _tell(waiting.answer, error)

    def _ended(self, batch: _Batch[_Q, _A], _: asyncio.Task[None]) -> None:
        self._under_way.discard(batch)
        for waiting in batch.members:
            waiting.answer.cancel()  # does nothing to those that have been told
        self._be_due()

    async def _give_up(self, waiting: _Waiting[_Q, _A]) -> None:
        """End the batch of a cancelled request if it has no other left, and see it ended."""
        for batch in self._under_way:
            if waiting in batch.members and all(member.answer.done() for member in batch.members) and batch.task:
                batch.task.cancel()
                await asyncio.wait({batch.task})
                return


def _tell(answer: asyncio.Future[_A], told: _A | Exception) -> None:
    """Hand an answer or an error on, if anybody waits for it; each gets an error of its own, to fill in and raise."""
    if answer.done():
        return
    if isinstance(told, Exception):
        own = copy.copy(told)
        own.__cause__ = told.__cause__
        answer.set_exception(own)
        answer.exception()  # who is cancelled at this very moment does not hear it: that is no news
    else:
        answer.set_result(told)
