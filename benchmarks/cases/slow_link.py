"""A link of 20 Mbit/s with 100 ms there and back, between two machines of the lab."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.contestants import BZFS, BZFS_CACHED, COLD, CONNECTED, IDLE, SYNCOID
from benchmarks.guest import SOURCE, two_machines
from benchmarks.rows import Row
from benchmarks.settings import Outcome, Settings
from benchmarks.tree import Tree, rows, versions


_CHILDREN, _SNAPSHOTS = 10, 3
_HALF_WAY = "rate 20mbit delay 50ms"
_BYTES = 8_000_000
_CASE = "slow_link"


def run(settings: Settings) -> Outcome:
    """A first pull with some megabytes in it, one new snapshot everywhere, and nothing new."""
    with two_machines(settings.directory) as site:
        site.source.run("zfs set compression=off tank")
        tree = Tree(site, children=_CHILDREN, snapshots=_SNAPSHOTS)
        site.source.run(f"head -c {round(_BYTES * settings.scale)} /dev/urandom >/{SOURCE}/big")
        tree.snapshot(*tree.paths)
        for machine in (site.source, site.backup):
            machine.shape_link(_HALF_WAY)
        return Outcome(tuple(_rows(tree, settings.rounds)), versions(site))


def _rows(tree: Tree, rounds: int) -> Iterator[Row]:
    first = tree.contest((COLD, SYNCOID, BZFS), rounds, before=tree.clear)
    yield from rows(_CASE, "first pull", first, COLD.name, {})

    def one_more() -> None:
        tree.contest((IDLE,), 1)
        tree.snapshot(*tree.paths)

    everywhere = tree.contest((CONNECTED, SYNCOID, BZFS), rounds, before=one_more)
    yield from rows(_CASE, "one new snapshot everywhere", everywhere, CONNECTED.name, {})
    tree.contest((COLD, BZFS_CACHED), 1)
    nothing = tree.contest((IDLE, COLD, SYNCOID, BZFS, BZFS_CACHED), rounds)
    yield from rows(_CASE, "nothing to do, connected", nothing, IDLE.name, {})
    yield from rows(_CASE, "nothing to do, cold", nothing, COLD.name, {})
