"""The listings of one side, in parts, over in-memory pools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from zfspull.hosts.memory.pools import Pools
from zfspull.zfs.model import Brief, Dataset, Point, Tree


class MemoryListings:
    """Implements `ports.Listings`.

    Args:
        pools: what there is.
        called: told of each command.
        bookmarks: whether bookmarks are listed.
    """

    def __init__(self, pools: Pools, called: Callable[[str], Awaitable[None]], *, bookmarks: bool) -> None:
        self._pools = pools
        self._called = called
        self._bookmarks = bookmarks

    async def datasets(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root`, without their snapshots and bookmarks."""
        await self._called("list")
        return self._bare(self._pools.tree(root, recursive=recursive))

    async def only(self, root: str, datasets: Sequence[str]) -> Tree | None:
        """The same of those alone; None if one is gone."""
        await self._called("list")
        tree = self._bare(self._pools.tree(root, recursive=True))
        wanted = {path: dataset for path, dataset in tree.datasets.items() if dataset.name in datasets}
        return Tree(root=root, datasets=wanted) if len(wanted) == len(datasets) else None

    async def briefly(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Brief, ...]]:
        """The snapshots of `datasets`, and on the source their bookmarks, in brief."""
        found = await self.fully(datasets, below=below)
        return {
            name: tuple(Brief(point.mark, point.guid, point.createtxg) for point in points)
            for name, points in found.items()
        }

    async def fully(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Point, ...]]:
        """The same with all that is ever asked of them."""
        del below  # it is the shorter command line only
        await self._called("list")
        return {name: self._points(dataset) for name in datasets if (dataset := self._dataset(name)) is not None}

    async def named(self, points: Sequence[str]) -> Mapping[str, Point]:
        """Snapshots and bookmarks in full, by full name."""
        await self._called("list")
        found: dict[str, Point] = {}
        for name in points:
            dataset = self._dataset(name.partition("@")[0].partition("#")[0])
            for point in dataset.points if dataset is not None else ():
                if dataset is not None and name == f"{dataset.name}{point.mark}":
                    found[name] = point
        return found

    def _bare(self, tree: Tree) -> Tree:
        return Tree(
            root=tree.root,
            datasets={
                path: replace(
                    dataset,
                    snapshots=(),
                    bookmarks=(),
                    snapshots_changed=self._pools.nodes[dataset.name].snapshots_changed,
                )
                for path, dataset in tree.datasets.items()
            },
        )

    def _dataset(self, name: str) -> Dataset | None:
        return self._pools.tree(name, recursive=False).datasets.get("")

    def _points(self, dataset: Dataset) -> tuple[Point, ...]:
        return dataset.points if self._bookmarks else dataset.snapshots
