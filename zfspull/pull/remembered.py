"""What is known of the two sides of each job between runs: the port, and one that lasts as long as the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from zfspull.plan.known import Knowledge


MAX_POINTS = 1_000_000
"""So many snapshots and bookmarks of all jobs together are remembered, at about 300 bytes each; a job that does not fit
is listed in full each time."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of both sides of one job."""

    source: Knowledge = field(default_factory=Knowledge)
    target: Knowledge = field(default_factory=Knowledge)

    @property
    def points(self) -> int:
        """How many snapshots and bookmarks are in it."""
        return self.source.points + self.target.points


class Memory(Protocol):
    """What is remembered of each job. Both calls may block on a disk, and are made off the event loop.

    Neither ever fails: what can't be read or kept is not known, and is listed.
    """

    def recall(self, job: str) -> Remembered:
        """What is known of a job; nothing, if it is none."""

    def keep(self, job: str, remembered: Remembered) -> None:
        """Remember it."""


class ProcessMemory:
    """Remembers as long as the process lasts, and no more than so many snapshots: the job that ran longest ago goes."""

    def __init__(self, *, max_points: int = MAX_POINTS) -> None:
        self._jobs: dict[str, Remembered] = {}
        self._max_points = max_points

    def recall(self, job: str) -> Remembered:
        """What was kept last."""
        return self._jobs.get(job, Remembered())

    def keep(self, job: str, remembered: Remembered) -> None:
        """Remember it, at the cost of others if need be."""
        self._jobs.pop(job, None)
        if remembered.points > self._max_points:
            return
        self._jobs[job] = remembered
        total = sum(one.points for one in self._jobs.values())
        while total > self._max_points:
            total -= self._jobs.pop(next(iter(self._jobs))).points
