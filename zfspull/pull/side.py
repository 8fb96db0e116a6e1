"""One side of a job as a run sees it: listed anew as far as it may have changed, and remembered for the next run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from zfspull.clock import Clock
from zfspull.errors import ZfspullError
from zfspull.hosts.ports import Listings
from zfspull.plan.arrivals import Arrivals, grown, settled
from zfspull.plan.known import Knowledge, Known, listed, recall, seen, sift, unlisted, unsettled, with_points
from zfspull.zfs.model import Brief, Dataset, Point, Snapshot, Tree


FEW_POINTS = 100
"""So few snapshots are listed in full at once: that is cheaper than a second command for what is new of them."""
MAX_KNOWN_BYTES = 400_000
"""The same of names in a command on this machine: FreeBSD takes 512 KiB for a command line and its environment."""
MAX_NAMED_BYTES = 30_000
"""How long the names in one command may be together. Linux limits a word to 128 KiB, and quoted for sshd's shell the
whole command is one; the gate reads no more either, and takes its time for each."""

_First = TypeVar("_First")
_Second = TypeVar("_Second")


class Side:
    """Lists one side of a job; a constant number of commands for each look, however large the tree.

    Args:
        listings: where.
        root: full name of the top dataset.
        recursive: whether what lies below it is meant too.
        clock: time.
        knowledge: from an earlier run.
        few: what is known to have no more snapshots than this together is listed in full when it has changed; None for
            `FEW_POINTS`.
    """

    def __init__(
        self,
        listings: Listings,
        root: str,
        *,
        recursive: bool,
        clock: Clock,
        knowledge: Knowledge,
        few: int | None = None,
    ) -> None:
        self._listings = listings
        self._root = root
        self._recursive = recursive
        self._clock = clock
        now = clock.now()
        fits = knowledge.usable(root, recursive=recursive, now=now)
        self._full_at = knowledge.full_at if fits else now
        self._known: dict[str, Known] = dict(knowledge.datasets) if fits else {}
        self._fresh: set[str] = set()
        self._is_whole = False
        self._few = FEW_POINTS if few is None else few

    @property
    def knowledge(self) -> Knowledge:
        """What is known now."""
        return Knowledge(self._root, self._recursive, self._full_at, self._known)

    async def tree(
        self, arrivals: Mapping[str, Arrivals] | None = None, source: Mapping[str, Dataset] | None = None
    ) -> Tree:
        """The tree as it is now; empty if there is none. Holds and clones are as old as what is known.

        Args:
            arrivals: by full name, what this run has received into datasets here.
            source: by the same names, where that came from.

        Raises:
            ZfspullError: if it can't be listed.
        """
        bare = await self._listings.datasets(self._root, recursive=self._recursive)
        self._is_whole = True
        return await self._completed(bare, arrivals or {}, source or {})

    async def known_tree(
        self, arrivals: Mapping[str, Arrivals] | None = None, source: Mapping[str, Dataset] | None = None
    ) -> Tree:
        """The same of what was there before: what somebody else has added since is not looked for.

        Only where no shell and no gate reads the command. All is looked for if one is gone, if nothing is known, and
        once all was looked for in this run: something may have been made since.

        Args:
            arrivals: as for `tree`.
            source: as for `tree`.

        Raises:
            ZfspullError: if it can't be listed.
        """
        bare = None
        if self._known and not self._is_whole and _length(self._known) <= MAX_KNOWN_BYTES:
            bare = await self._listings.only(self._root, list(self._known))
        return await (
            self.tree(arrivals, source) if bare is None else self._completed(bare, arrivals or {}, source or {})
        )

    async def whole(self, tree: Tree) -> Tree:
        """`tree` with what else is there by now, if that was not looked for in this run.

        Raises:
            ZfspullError: if it can't be listed.
        """
        return tree if self._is_whole else await self.tree()

    async def _completed(self, bare: Tree, arrivals: Mapping[str, Arrivals], source: Mapping[str, Dataset]) -> Tree:
        """A listing of datasets with what they have, as far as it may have changed listed anew."""
        sifted = sift(bare.datasets.values(), self._known, self._clock.monotonic())
        known = {**sifted.current}
        changed, unknown = {**sifted.changed}, {**sifted.unknown}
        if arrivals:
            for name, one in (await self._grown({**changed, **unknown}, arrivals, source)).items():
                known[name] = one
                changed.pop(name, None)
                unknown.pop(name, None)
        few = sum(len(one.snapshots) + len(one.bookmarks) for one in changed.values()) <= self._few
        if few or 2 * len(unknown) > len(bare.datasets):
            changed, unknown = {}, {**changed, **unknown}
        known |= await self._listed(changed, unknown, len(bare.datasets))
        self._known = {dataset.name: known[dataset.name] for dataset in bare.datasets.values()}
        return with_points(bare, self._known)

    async def refreshed(self, tree: Tree, paths: Collection[str]) -> Tree:
        """`tree` with the datasets at `paths` listed anew in full, unless that was done in this run already.

        Raises:
            ZfspullError: if they can't be listed.
        """
        names = [tree.datasets[path].name for path in paths if path in tree.datasets]
        names = [name for name in names if name not in self._fresh]
        if not names:
            return tree
        began_at = self._clock.monotonic()
        bare, points = await both(
            self._listings.datasets(self._root, recursive=self._recursive), self._fully(names, len(tree.datasets))
        )
        lines = {dataset.name: dataset for dataset in bare.datasets.values()}
        for name in names:
            if name in lines and name in points:
                state = seen(lines[name], self._clock.monotonic(), self._known.get(name))
                self._known[name] = listed(state, points[name], began_at)
                self._fresh.add(name)
            else:
                self._known.pop(name, None)
        there = {path: dataset for path, dataset in bare.datasets.items() if dataset.name in self._known}
        return with_points(Tree(root=bare.root, datasets=there), self._known)

    def is_fresh(self, tree: Tree, paths: Iterable[str]) -> bool:
        """Whether the datasets at `paths` were all listed in full in this run, as far as they are there."""
        return all(tree.datasets[path].name in self._fresh for path in paths if path in tree.datasets)

    def age(self) -> None:
        """From now on nothing counts as listed in this run: what is to be destroyed is listed at that moment."""
        self._fresh.clear()

    def forget(self, names: Iterable[str] | None = None) -> None:
        """List these in full the next time; None for all."""
        if names is None:
            self._known.clear()
            return
        for name in names:
            if name in self._known:
                self._known[name] = unlisted(self._known[name])

    def unsettle(self, name: str, doubted: Collection[int]) -> None:
        """List this dataset again the next time, and in full what has these guids: something was done to it."""
        if name in self._known:
            self._known[name] = unsettled(self._known[name], doubted)

    async def _listed(self, changed: Mapping[str, Known], unknown: Mapping[str, Known], count: int) -> dict[str, Known]:
        """List what changed in brief and what is unknown in full, at once; then in full what is new of the former."""
        began_at = self._clock.monotonic()
        briefs, points = await both(self._briefly(list(changed), count), self._fully(list(unknown), count))
        recalled = {name: recall(changed[name], lines) for name, lines in briefs.items()}
        missing = [f"{name}{mark}" for name, one in recalled.items() for mark in one.missing]
        if _length(missing) > MAX_NAMED_BYTES:
            names = [name for name, one in recalled.items() if one.missing]
            points = {**points, **await self._fully(names, count)}
            missing = []
        named = await self._listings.named(missing) if missing else {}
        done = {name: unlisted(one) for name, one in {**changed, **unknown}.items()}  # what is gone by now
        for name, one in recalled.items():
            found = (named[full] for mark in one.missing if (full := f"{name}{mark}") in named)
            done[name] = listed(changed[name], (*one.points, *found), began_at)
        for name, lines in points.items():
            done[name] = listed(changed.get(name) or unknown[name], lines, began_at)
            self._fresh.add(name)
        return done

    async def _briefly(self, names: Sequence[str], count: int) -> Mapping[str, tuple[Brief, ...]]:
        return await self._listings.briefly(names, below=self._below(names, count)) if names else {}

    async def _fully(self, names: Sequence[str], count: int) -> Mapping[str, tuple[Point, ...]]:
        return await self._listings.fully(names, below=self._below(names, count)) if names else {}

    def _below(self, names: Sequence[str], count: int) -> str | None:
        """The root if it is better to list all that lies below it than to name so many of them."""
        most = 2 * len(names) > count and len(names) > 1
        return self._root if self._recursive and (most or _length(names) > MAX_NAMED_BYTES) else None

    async def _grown(
        self, states: Mapping[str, Known], arrivals: Mapping[str, Arrivals], source: Mapping[str, Dataset]
    ) -> dict[str, Known]:
        """Those of `states` that have what they had and what has arrived, which is looked at by name."""
        expected: dict[str, tuple[Snapshot, ...]] = {}
        for name, state in states.items():
            mine = arrivals.get(name)
            if mine is not None and mine.explain(state.changed):
                before = state.snapshots if state.listed else ()
                brought = grown(before, mine.steps, source.get(name))
                if brought:
                    expected[name] = brought
        marks = [f"{name}{shot.mark}" for name, shots in expected.items() for shot in shots]
        if not marks or _length(marks) > MAX_NAMED_BYTES:
            return {}
        began_at = self._clock.now()
        named = await self._listings.named(marks)
        done: dict[str, Known] = {}
        for name, shots in expected.items():
            found = [named.get(f"{name}{shot.mark}") for shot in shots]
            if all(one is not None and one.guid == shot.guid for one, shot in zip(found, shots, strict=True)):
                points = (*states[name].snapshots, *(one for one in found if one is not None))
                state = listed(states[name], points, self._clock.monotonic())
                done[name] = replace(state, settled=settled(state.changed, began_at))
        return done


def _length(names: Iterable[str]) -> int:
    """How long names are together on a command line, quoted."""
    return sum(len(name.encode()) + 3 for name in names)


async def both(first: Coroutine[Any, Any, _First], second: Coroutine[Any, Any, _Second]) -> tuple[_First, _Second]:
    """Both at once; if one fails, the other is cancelled, and the error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            one, two = group.create_task(first), group.create_task(second)
    except* ZfspullError as errors:
        raise errors.exceptions[0] from None
    return one.result(), two.result()
