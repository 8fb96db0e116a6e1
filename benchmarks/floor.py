"""The floor: the sends and receives that have to be, in a bare shell loop; nothing is looked up, and no SSH."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.guest import SOURCE, TARGET, timed
from tests.lab.machine import Machine


REPLICA = "floor"
_STEP = "/root/step"


def initial(machine: Machine, paths: Sequence[str], first: str, last: str, *, options: str = "") -> float:
    """Seconds for a full send of `first` and one of all that follows up to `last`, for each dataset in turn."""
    steps = [step for path in paths for step in (_step(path, first), _step(path, last, f"-I @{first}"))]
    return _each(machine, steps, options=options)


def increments(machine: Machine, paths: Sequence[str], base: str, to: str, *, at_once: int = 1) -> float:
    """Seconds for one increment of each dataset, so many at once."""
    return _each(machine, [_step(path, to, f"-i @{base}") for path in paths], at_once=at_once)


def cursors(machine: Machine, paths: Sequence[str], snapshot: str, *, moved: bool = True) -> float:
    """Seconds for making a bookmark of each dataset's snapshot, and destroying one: what keeps a base usable.

    Without `moved`, for making them alone: there is none yet to destroy.
    """
    make, destroy = "zfs bookmark $1@$2 $1#floor", "zfs destroy $1#floor"
    if moved:
        return _for_each(machine, paths, snapshot, f"{make} && {destroy}")
    seconds = _for_each(machine, paths, snapshot, make)
    _for_each(machine, paths, snapshot, destroy)
    return seconds


def _for_each(machine: Machine, paths: Sequence[str], snapshot: str, command: str) -> float:
    machine.write(_STEP, f"{command}\n")
    machine.write(f"{_STEP}s", "".join(f"{SOURCE}{path} {snapshot}\n" for path in paths))
    return timed(machine, f"xargs -L 1 sh {_STEP} <{_STEP}s")


def _step(path: str, snapshot: str, base: str = "") -> str:
    return f"{SOURCE}{path}@{snapshot} {base}".rstrip()  # with a blank at its end, xargs joins a line to the next


def _each(machine: Machine, steps: Sequence[str], *, at_once: int = 1, options: str = "") -> float:
    machine.write(f"{_STEP}s", "".join(f"{step}\n" for step in steps))
    machine.write(
        _STEP,
        "to=$1; shift; dataset=${to%@*}\n"
        f'zfs send -w "$@" $to | zfs receive -s -u {options} {TARGET}/{REPLICA}${{dataset#{SOURCE}}}\n',
    )
    return timed(machine, f"xargs -P {at_once} -L 1 sh {_STEP} <{_STEP}s")
