"""41 encrypted datasets with 10 snapshots each, on one machine of the lab over loopback SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.contestants import BZFS, BZFS_CACHED, BZFS_LOGGING_IN, COLD, CONNECTED, IDLE, SYNCOID
from benchmarks.floor import BARE, WHOLE, Loop
from benchmarks.guest import one_machine
from benchmarks.rows import Row
from benchmarks.settings import Outcome, Settings
from benchmarks.tree import Tree, rows, versions


_CHILDREN, _SNAPSHOTS = 40, 10
_LOOP = "a bare loop of send and receive"
_WHOLE = "the loop, with our properties, and a bookmark for each"
_CASE = "tree"


def run(settings: Settings) -> Outcome:
    """The tree from nothing, then nothing new, one new snapshot everywhere, and one in one dataset."""
    with one_machine(settings.directory) as site:
        tree = Tree(site, children=max(2, round(_CHILDREN * settings.scale)), snapshots=_SNAPSHOTS)
        rounds = settings.rounds
        found = [*_initial(tree, rounds), *_nothing(tree, rounds), *_increments(tree, rounds)]
        return Outcome(tuple(found), versions(site))


def _initial(tree: Tree, rounds: int) -> Iterator[Row]:
    """From nothing, by a daemon that runs."""

    def floor() -> dict[str, float]:
        return _by_loops(lambda loop: loop.initial(tree.source, tree.paths, "s1", tree.newest))

    seconds = tree.contest((CONNECTED, SYNCOID, BZFS), rounds, floor=floor, before=tree.clear)
    what = f"from nothing, by the daemon: {len(tree.paths)} datasets, {len(tree.paths) * _SNAPSHOTS} snapshots"
    targets = {_WHOLE: 1 / 1.15, SYNCOID.name: 1.5, BZFS.name: 1.5}
    yield from rows(_CASE, what, seconds, CONNECTED.name, targets)


def _nothing(tree: Tree, rounds: int) -> Iterator[Row]:
    """Nothing to do, for a while: what was listed before has settled."""
    tree.contest((COLD, BZFS_CACHED), 1)
    seconds = tree.contest((IDLE, COLD, SYNCOID, BZFS, BZFS_CACHED, BZFS_LOGGING_IN), rounds)
    targets = {SYNCOID.name: 100.0, BZFS.name: 20.0, BZFS_CACHED.name: 5.0}
    yield from rows(_CASE, "nothing to do, connected", seconds, IDLE.name, targets)
    yield from rows(_CASE, "nothing to do, cold", seconds, COLD.name, {BZFS_CACHED.name: 1.0})


def _increments(tree: Tree, rounds: int) -> Iterator[Row]:
    """One new snapshot, in every dataset and in one; the daemon is connected."""

    def seconds_for(*paths: str) -> dict[str, float]:
        def before() -> None:
            tree.contest((IDLE,), 1)
            tree.snapshot(*paths)

        def floor() -> dict[str, float]:
            return _by_loops(lambda loop: loop.increments(tree.source, paths, tree.base, tree.newest))

        return tree.contest((CONNECTED, SYNCOID, BZFS), rounds, floor=floor, before=before)

    everywhere = seconds_for(*tree.paths)
    targets = {_WHOLE: 1 / 1.25, SYNCOID.name: 5.0, BZFS.name: 5.0}
    yield from rows(_CASE, "one new snapshot everywhere", everywhere, CONNECTED.name, targets)
    yield from rows(_CASE, "one new snapshot in one dataset", seconds_for(tree.paths[1]), CONNECTED.name, {})


def _by_loops(seconds: Callable[[Loop], float]) -> dict[str, float]:
    return {_LOOP: seconds(BARE), _WHOLE: seconds(WHOLE)}
