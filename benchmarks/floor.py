"""The floor: the sends and receives that have to be, in a shell loop; nothing is looked up, and no SSH."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.guest import SOURCE, TARGET, timed
from tests.lab.machine import Machine


_STEP = "/root/step"
_MAKE, _DESTROY = "zfs bookmark $1@$2 $1#floor", "zfs destroy $1#floor"


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over datasets, one after the other.

    Attributes:
        replica: name of its replica, below the target pool.
        options: of `zfs receive`.
        cursors: whether a bookmark of each dataset's newest snapshot is made afterwards, and an older one destroyed.
    """

    replica: str
    options: str = ""
    cursors: bool = False

    def initial(self, machine: Machine, paths: Sequence[str], first: str, last: str) -> float:
        """Seconds for a full send of `first` and one of all that follows up to `last`, for each dataset."""
        steps = [step for path in paths for step in (_step(path, first), _step(path, last, f"-I @{first}"))]
        seconds = self._each(machine, steps)
        if self.cursors:
            seconds += _for_each(machine, paths, last, _MAKE)
            _for_each(machine, paths, last, _DESTROY)
        return seconds

    def increments(self, machine: Machine, paths: Sequence[str], base: str, to: str) -> float:
        """Seconds for one increment of each dataset."""
        seconds = self._each(machine, [_step(path, to, f"-i @{base}") for path in paths])
        if self.cursors:
            seconds += _for_each(machine, paths, to, f"{_MAKE} && {_DESTROY}")
        return seconds

    def _each(self, machine: Machine, steps: Sequence[str]) -> float:
        machine.write(f"{_STEP}s", "".join(f"{step}\n" for step in steps))
        machine.write(
            _STEP,
            "to=$1; shift; dataset=${to%@*}\n"
            'zfs send -w "$@" $to |'
            f" zfs receive -s -u {self.options} {TARGET}/{self.replica}${{dataset#{SOURCE}}}\n",
        )
        return timed(machine, f"xargs -L 1 sh {_STEP} <{_STEP}s")


BARE = Loop("floor")
WHOLE = Loop("floor-whole", "-o readonly=on -o canmount=noauto -x mountpoint", cursors=True)
"""All that zfspull does for each dataset: its properties prevail over a stream's, and a bookmark keeps the base."""


def _for_each(machine: Machine, paths: Sequence[str], snapshot: str, command: str) -> float:
    machine.write(_STEP, f"{command}\n")
    machine.write(f"{_STEP}s", "".join(f"{SOURCE}{path} {snapshot}\n" for path in paths))
    return timed(machine, f"xargs -L 1 sh {_STEP} <{_STEP}s")


def _step(path: str, snapshot: str, base: str = "") -> str:
    return f"{SOURCE}{path}@{snapshot} {base}".rstrip()  # with a blank at its end, xargs joins a line to the next
