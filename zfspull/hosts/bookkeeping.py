"""The small changes of cursors on the source, gathered: what is asked for while others are made goes in one command.

Each of them alone would be a channel, a shell and a zfs(8), thousands in a run of thousands of datasets. Joined by `&&`
they are one channel and one shell; that is all that is joined, ever. All of them may be done twice without harm, so
where anything goes wrong each is done again alone, and what fails is told to the one whom it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zfspull.errors import ZfspullError
from zfspull.hosts.coalesce import Bounds, Coalescer
from zfspull.hosts.failures import failure
from zfspull.hosts.process import Completed
from zfspull.hosts.ssh import Connection
from zfspull.zfs.names import pool
from zfspull.zfs.texts import Side


JOINED = Bounds(requests=10, bytes=32 << 10, batches=2)
"""Each change waits for its pool to write, and a stream for all of its batch: so not too many, and two at once."""
MAX_ANSWER_BYTES = 1 << 20
_OF_MANY = frozenset({"hold", "release"})
"""`zfs hold TAG SNAPSHOT...`: of one tag as many as there are."""


@dataclass(frozen=True, slots=True)
class Change:
    """A command that makes or takes away one mark.

    Attributes:
        words: zfs(8)'s.
        dataset: whose mark it is.
        fine: texts of failures that are none, since all is as it should be.
    """

    words: tuple[str, ...]
    dataset: str
    fine: tuple[str, ...]


class Bookkeeping:
    """Makes changes on one host.

    Args:
        connection: the way to it.
        zfs: the words that start zfs(8) there.
        timeout_seconds: how long one command may take.
    """

    def __init__(self, connection: Connection, *, zfs: Sequence[str], timeout_seconds: float) -> None:
        self._connection = connection
        self._zfs = tuple(zfs)
        self._timeout = timeout_seconds
        self._of_pool: dict[str, Coalescer[Change, None]] = {}
        self._can_join = True

    async def make(self, change: Change) -> None:
        """Make a change, together with those that others want meanwhile.

        Raises:
            ZfspullError: it could not be made.
        """
        # By pool: one that hangs must not hold the others up.
        where = pool(change.dataset)
        if where not in self._of_pool:
            self._of_pool[where] = Coalescer(self._make_all, _size_bytes, JOINED)
        await self._of_pool[where].ask(change)

    async def _make_all(self, changes: Sequence[Change]) -> list[ZfspullError | None]:
        """Make the changes; returns for each None, or why not."""
        commands = joined(changes)
        can_join = self._can_join
        if len(changes) > 1 and (can_join or len(commands) == 1) and (await self._run(commands)).ok:
            return [None for _ in changes]
        made: list[ZfspullError | None] = []
        was_done = False
        for change in changes:
            try:
                completed = await self._run([change.words])
            except ZfspullError as error:  # of the connection: the rest need not be tried
                return [*made, *(error for _ in changes[len(made) :])]
            was_done |= not completed.ok
            made.append(self._judged(change, completed))
        if can_join and len(commands) > 1 and not was_done:
            # Nothing had been done, and nothing was wrong with any: it is the joining that is refused, by a gate of an
            # older version for one.
            self._can_join = False
        return made

    def _judged(self, change: Change, completed: Completed) -> ZfspullError | None:
        if completed.ok or any(text in completed.stderr for text in change.fine):
            return None
        action = f"zfs {change.words[0]}"
        return failure(Side.SOURCE, action, completed, host=self._connection.login.host, dataset=change.dataset)

    async def _run(self, commands: Sequence[Sequence[str]]) -> Completed:
        return await self._connection.run_in_turn(
            [[*self._zfs, *words] for words in commands],
            timeout_seconds=self._timeout,
            max_output_bytes=MAX_ANSWER_BYTES,
        )


def joined(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    """The commands for `changes`: holds of one tag are one, and so are releases."""
    found: list[tuple[str, ...]] = []
    of_many: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        verb, first, *_ = change.words
        if verb in _OF_MANY:
            of_many.setdefault((verb, first), []).extend(change.words[2:])
        else:
            found.append(change.words)
    return [*found, *((*start, *dict.fromkeys(names)) for start, names in of_many.items())]


def _size_bytes(change: Change) -> int:
    return sum(len(word.encode()) + 1 for word in change.words)
