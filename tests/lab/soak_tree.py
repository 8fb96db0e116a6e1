"""The tree that the soak changes: what is written, taken, made, renamed and destroyed on the source, by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.arena import SOURCE


FIXED = ("plain", "sealed", "sealed/own")
MAX_DATASETS = 9
SIZES_BYTES = (200_000, 1_000_000, 3_000_000, 6_000_000)


@dataclass(frozen=True)
class Changes:
    """A shell script for the source, and how many bytes of new data it writes."""

    script: str
    written_bytes: int


class Tree:
    """What the source has by now, as far as choices depend on it.

    Args:
        rng: makes the choices.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._number = 0
        self._extra: list[str] = []
        self._taken: dict[str, list[str]] = {path: ["s0"] for path in FIXED}

    def changes(self) -> Changes:
        """The changes of one round: at least one write, one to three snapshots of the tree, and now and then more."""
        rng = self._rng
        lines, written = ["set -e"], 0
        for chance, act in ((0.35, self._make), (0.4, self._forget), (0.12, self._destroy), (0.15, self._rename)):
            if rng.random() < chance:
                lines += act()
        for _ in range(rng.choice((1, 1, 2, 3))):
            for path in rng.sample([*FIXED, *self._extra], k=2):
                size = rng.choice(SIZES_BYTES)
                lines.append(f"head -c {size} /dev/urandom >/{SOURCE}/{path}/file{rng.randrange(4)}")
                written += size
            lines.append(self._snapshot())
        return Changes("\n".join(lines), written)

    def _snapshot(self) -> str:
        self._number += 1
        name = f"r{self._number}"
        for taken in self._taken.values():
            taken.append(name)
        return f"zfs snapshot -r {SOURCE}@{name}"

    def _make(self) -> list[str]:
        if len(self._extra) >= MAX_DATASETS:
            return []
        self._number += 1
        path = f"{self._rng.choice(('plain', 'sealed'))}/d{self._number}"
        self._extra.append(path)
        self._taken[path] = []
        return [f"zfs create {SOURCE}/{path}"]

    def _forget(self) -> list[str]:
        """Destroy a snapshot, be it the newest that was pulled."""
        path = self._rng.choice(sorted(self._taken))
        if not self._taken[path]:
            return []
        name = self._taken[path].pop(self._rng.randrange(len(self._taken[path])))
        return [f"zfs destroy {SOURCE}/{path}@{name}"]

    def _destroy(self) -> list[str]:
        if not self._extra:
            return []
        path = self._extra.pop(self._rng.randrange(len(self._extra)))
        del self._taken[path]
        return [f"zfs destroy -r {SOURCE}/{path}"]

    def _rename(self) -> list[str]:
        if not self._extra:
            return []
        self._number += 1
        index = self._rng.randrange(len(self._extra))
        old = self._extra[index]
        new = f"{old.rpartition('/')[0]}/d{self._number}"
        self._extra[index] = new
        self._taken[new] = self._taken.pop(old)
        return [f"zfs rename {SOURCE}/{old} {SOURCE}/{new}"]
