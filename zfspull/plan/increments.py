"""The steps from one point of the source's history to the newest snapshot wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zfspull.zfs.model import Point, Snapshot


Wanted = Callable[[Snapshot], bool]


@dataclass(frozen=True, slots=True)
class Leap:
    """One increment: from `base` to `to`, with every snapshot between them when `intermediate`."""

    base: Point
    to: Snapshot
    intermediate: bool


def leaps(base: Point, newer: tuple[Snapshot, ...], wanted: Wanted) -> Iterator[Leap]:
    """The increments that bring exactly the wanted ones of `newer`, in order, in as few streams as ZFS allows.

    A run of wanted snapshots that directly follow each other is one range (`-I`); a range can't start from a
    bookmark, and it would bring unwanted snapshots along if it skipped one.

    Args:
        base: where to start; older than all of `newer`.
        newer: all snapshots of the source after `base`, oldest first.
        wanted: whether the job wants a snapshot.
    """
    position = 0
    while position < len(newer):
        if not wanted(newer[position]):
            position += 1
            continue
        end = position
        adjoining = isinstance(base, Snapshot) and (position == 0 or newer[position - 1] == base)
        while adjoining and end + 1 < len(newer) and wanted(newer[end + 1]):
            end += 1
        yield Leap(base, newer[end], intermediate=end > position)
        base = newer[end]
        position = end + 1
