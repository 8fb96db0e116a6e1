"""41 encrypted datasets with 10 snapshots each, on one machine of the lab over loopback SSH."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import floor
from benchmarks.contestants import BZFS, BZFS_CACHED, COLD, CONNECTED, SYNCOID
from benchmarks.guest import one_machine
from benchmarks.rows import Row
from benchmarks.settings import Outcome, Settings
from benchmarks.tree import Tree, medians, rows, versions


_CHILDREN, _SNAPSHOTS = 40, 10
_LOOP = "a bare loop of send and receive"
_KEPT = "the loop, and a bookmark moved for each"
_CASE = "tree"


def run(settings: Settings) -> Outcome:
    """The tree from nothing, then nothing new, one new snapshot everywhere, and one in one dataset."""
    with one_machine(settings.directory) as site:
        tree = Tree(site, children=max(2, round(_CHILDREN * settings.scale)), snapshots=_SNAPSHOTS)
        found = [*_initial(tree), *_nothing(tree, settings.rounds), *_increments(tree, settings.rounds)]
        return Outcome(tuple(found), versions(site))


def _initial(tree: Tree) -> Iterator[Row]:
    """From nothing, once: it takes minutes, and nothing of it is in any cache."""
    seconds = {_LOOP: floor.initial(tree.source, tree.paths, "s1", tree.newest)}
    seconds |= tree.update((COLD, SYNCOID, BZFS))
    what = f"from nothing: {len(tree.paths)} datasets, {len(tree.paths) * _SNAPSHOTS} snapshots"
    targets = {_LOOP: 1 / 1.15, SYNCOID.name: 1.5, BZFS.name: 1.5}
    yield from rows(_CASE, what, seconds, COLD.name, targets)


def _nothing(tree: Tree, rounds: int) -> Iterator[Row]:
    """Nothing to do, for a while: what was listed before has settled."""
    tree.update((COLD, CONNECTED, BZFS_CACHED))
    seconds = medians(lambda: tree.update((CONNECTED, COLD, SYNCOID, BZFS, BZFS_CACHED)), rounds)
    targets = {SYNCOID.name: 100.0, BZFS.name: 20.0, BZFS_CACHED.name: 5.0}
    yield from rows(_CASE, "nothing to do, connected", seconds, CONNECTED.name, targets)
    yield from rows(_CASE, "nothing to do, cold", seconds, COLD.name, {BZFS_CACHED.name: 1.0})


def _increments(tree: Tree, rounds: int) -> Iterator[Row]:
    """One new snapshot, in every dataset and in one."""

    def seconds_for(*paths: str) -> dict[str, float]:
        base = tree.snapshot(*paths)
        bare = floor.increments(tree.source, paths, base, tree.newest)
        kept = bare + floor.cursors(tree.source, paths, tree.newest)
        return {_LOOP: bare, _KEPT: kept, **tree.update((CONNECTED, SYNCOID, BZFS))}

    everywhere = medians(lambda: seconds_for(*tree.paths), rounds)
    targets = {_KEPT: 1 / 1.25, SYNCOID.name: 5.0, BZFS.name: 5.0}
    yield from rows(_CASE, "one new snapshot everywhere", everywhere, CONNECTED.name, targets)
    in_one = medians(lambda: seconds_for(tree.paths[1]), rounds)
    yield from rows(_CASE, "one new snapshot in one dataset", in_one, CONNECTED.name, {})
