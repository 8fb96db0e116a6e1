"""The listings of one side: everything there is, and for whoever knows most of it already, parts of that.

They are the same on either side; only who runs zfs(8), and for which columns, differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from zfspull.errors import PermanentError
from zfspull.hosts.failures import failure, listed
from zfspull.hosts.process import Completed
from zfspull.zfs import commands
from zfspull.zfs.listing import ListingError, parse_tree
from zfspull.zfs.model import Brief, Dataset, Point, Tree
from zfspull.zfs.names import ancestors, pool
from zfspull.zfs.points import answered, parse_briefs, parse_fully, parse_named
from zfspull.zfs.stderr import says_missing, says_unknown_property
from zfspull.zfs.texts import Side


Run = Callable[[Sequence[str]], Awaitable[Completed]]
Parsed = TypeVar("Parsed")
_SMALL_CHARACTERS = 200_000
"""A text of that size is read in some milliseconds: less than it takes to be worth a thread."""


class ZfsListings:
    """Implements `ports.Listings` with zfs(8).

    Args:
        run: runs zfs(8) with these words.
        side: which side it is.
        host: its name; "" for this machine.
        columns: what to ask of datasets.
        bookmarks: whether bookmarks are of interest there.
    """

    def __init__(self, run: Run, side: Side, *, host: str = "", columns: Sequence[str], bookmarks: bool) -> None:
        self._run = run
        self._side = side
        self._host = host
        self._columns = tuple(columns)
        self._bookmarks = bookmarks
        self._tells_changes = True

    async def everything(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with all that they have, by two commands; empty if there is none."""
        datasets = await self._run(commands.list_datasets(root, recursive=recursive, columns=self._columns))
        if not listed(datasets, self._side, host=self._host, dataset=root):
            return Tree(root=root)
        columns = commands.POINT_COLUMNS
        words = commands.list_points(root, recursive=recursive, bookmarks=self._bookmarks, columns=columns)
        points = await self._run(words)
        if not listed(points, self._side, host=self._host, dataset=root):
            return Tree(root=root)
        return await self._parsed(
            lambda: parse_tree(root, datasets.stdout, points.stdout, columns, self._columns),
            datasets,
            points,
            dataset=root,
        )

    async def datasets(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root`, without snapshots and bookmarks; by one command, but for the first time."""
        completed, columns = await self._lines(
            lambda columns: commands.list_datasets(root, recursive=recursive, columns=columns)
        )
        if not listed(completed, self._side, host=self._host, dataset=root):
            return Tree(root=root)
        return await self._tree(root, completed, columns)

    async def only(self, root: str, datasets: Sequence[str]) -> Tree | None:
        """Those alone, by name; see the protocol."""
        completed, columns = await self._lines(lambda columns: commands.list_named_datasets(datasets, columns))
        self._check(completed, root)
        return await self._tree(root, completed, columns) if completed.ok else None

    async def nearest(self, dataset: str) -> Dataset | None:
        """The dataset, or else the nearest one above it, without snapshots; None if not even its pool exists."""
        names = [name for name in (dataset, *ancestors(dataset)) if name]
        completed, columns = await self._lines(lambda columns: commands.list_named_datasets(names, columns))
        self._check(completed, dataset)
        found = [*(await self._tree(pool(dataset), completed, columns)).datasets.values()]
        return found[-1] if found else None

    async def briefly(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Brief, ...]]:
        """What is there of `datasets`, in brief; see the protocol."""
        completed = await self._list_points(datasets, commands.BRIEF_COLUMNS, below)
        text = completed.stdout
        found = await self._parsed(
            lambda: parse_briefs(text, datasets, below=below), completed, dataset=below or datasets[0]
        )
        return answered(found, datasets) if completed.ok else found

    async def fully(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Point, ...]]:
        """What is there of `datasets`, in full; see the protocol."""
        completed = await self._list_points(datasets, commands.POINT_COLUMNS, below)
        text = completed.stdout
        found = await self._parsed(
            lambda: parse_fully(text, datasets, below=below), completed, dataset=below or datasets[0]
        )
        return answered(found, datasets) if completed.ok else found

    async def named(self, points: Sequence[str]) -> Mapping[str, Point]:
        """Single snapshots and bookmarks; see the protocol."""
        completed = await self._run(commands.list_named_points(points))
        self._check(completed, points[0])
        text = completed.stdout
        return await self._parsed(lambda: parse_named(text, frozenset(points)), completed, dataset=points[0])

    async def _lines(self, words: Callable[[Sequence[str]], Sequence[str]]) -> tuple[Completed, Sequence[str]]:
        """A listing of datasets, and its columns. Whether the host has `snapshots_changed` is found out by asking.

        Args:
            words: the command for given columns.
        """
        while True:
            changed = (commands.CHANGED_COLUMN,) if self._tells_changes else ()
            columns = (*self._columns, *changed)
            completed = await self._run(words(columns))
            if not changed or completed.ok or not says_unknown_property(completed.stderr, commands.CHANGED_COLUMN):
                return completed, columns
            self._tells_changes = False

    async def _tree(self, root: str, completed: Completed, columns: Sequence[str]) -> Tree:
        return await self._parsed(
            lambda: parse_tree(root, completed.stdout, "", commands.POINT_COLUMNS, columns), completed, dataset=root
        )

    async def _list_points(self, datasets: Sequence[str], columns: Sequence[str], below: str | None) -> Completed:
        if below is None:
            words = commands.list_points_of(datasets, bookmarks=self._bookmarks, columns=columns)
        else:
            words = commands.list_points(below, recursive=True, bookmarks=self._bookmarks, columns=columns)
        completed = await self._run(words)
        self._check(completed, below or datasets[0])
        return completed

    def _check(self, completed: Completed, dataset: str) -> None:
        """Raise what went wrong, unless it is that some of it is gone by now: the others were listed all the same."""
        if not completed.ok and not says_missing(completed.stderr):
            raise failure(self._side, "zfs list", completed, host=self._host, dataset=dataset)

    async def _parsed(self, parse: Callable[[], Parsed], *completed: Completed, dataset: str) -> Parsed:
        try:
            # In a thread if it is much: a listing of a million snapshots takes seconds, and nobody else is to wait.
            if sum(len(one.stdout) for one in completed) < _SMALL_CHARACTERS:
                return parse()
            return await asyncio.to_thread(parse)
        except ListingError as error:
            raise self._error(error, dataset) from error

    def _error(self, error: ListingError, dataset: str) -> PermanentError:
        """What is told of a listing that no zfs(8) prints."""
        here = self._side is Side.TARGET
        return PermanentError(
            f"`zfs list` {'here' if here else 'on the source'} printed what zfs never prints: {error}",
            hint="" if here else "does the login's shell or a wrapper print text of its own?",
            host=self._host,
            dataset=dataset,
            reason="listing",
        )
