"""Which wanted run may start now: pure, synchronous, without clock or tasks.

The rules, all held by property tests:
- a job never overlaps itself, nor a run whose target is the same, above or below;
- at most `limits.runs` runs at once, and per host at most as many as it takes streams;
- where several hosts have jobs, none ever takes the last place, so that a host that hangs blocks no other;
- a job that waits is not queued again: the new wish joins the old one;
- hosts take turns; on a host the oldest wish is first. An operator's wish overtakes scheduled ones, but only those of
  the last `OPERATOR_LEAD` arrivals, so that nothing waits for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from zfspull.events import Trigger
from zfspull.zfs.names import relative


OPERATOR_LEAD = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job works: its host and its target dataset."""

    host: str
    target: str

    def overlaps(self, other: Place) -> bool:
        """Whether both write into the same tree of the target."""
        return relative(self.target, other.target) is not None or relative(other.target, self.target) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A run that somebody wants.

    Attributes:
        rank: lower comes first.
        not_before: monotonic seconds; it does not start earlier.
    """

    job: str
    trigger: Trigger
    rank: int
    not_before: float = 0.0


class Dispatch:
    """The queue of wishes, and what is running."""

    def __init__(self) -> None:
        self._places: Mapping[str, Place] = {}
        self._total = 1
        self._per_host: Mapping[str, int] = {}
        self._waiting: dict[str, Wish] = {}
        self._running: dict[str, Place] = {}
        self._arrivals = 0
        self._starts = 0
        self._served: dict[str, int] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """The jobs that wait, the best ranked first."""
        return tuple(wish.job for wish in sorted(self._waiting.values(), key=lambda wish: wish.rank))

    @property
    def running(self) -> frozenset[str]:
        """The jobs that run."""
        return frozenset(self._running)

    def configure(self, places: Mapping[str, Place], *, total: int, per_host: Mapping[str, int]) -> tuple[str, ...]:
        """Take over new jobs and limits. What runs goes on, and counts.

        Args:
            places: where each job works.
            total: at most so many runs at once.
            per_host: the same of each host; 1 where it is not named.

        Returns:
            The jobs that waited and do not exist any more: they wait no longer.
        """
        self._places, self._total, self._per_host = dict(places), max(1, total), dict(per_host)
        gone = tuple(job for job in self._waiting if job not in places)
        for job in gone:
            del self._waiting[job]
        self._served = {host: turn for host, turn in self._served.items() if host in self._hosts}
        return gone

    def want(self, job: str, trigger: Trigger, *, not_before: float = 0.0) -> bool:
        """Queue a run of `job`. A job that waits already keeps its place, or gets the better one of the two.

        Returns:
            Whether it is new in the queue.

        Raises:
            KeyError: there is no such job.
        """
        if job not in self._places:
            raise KeyError(job)
        self._arrivals += 1
        operator = trigger is Trigger.OPERATOR
        rank = self._arrivals - (OPERATOR_LEAD if operator else 0)
        known = self._waiting.get(job)
        if known is None:
            self._waiting[job] = Wish(job=job, trigger=trigger, rank=rank, not_before=not_before)
        elif operator:
            self._waiting[job] = replace(known, trigger=trigger, rank=min(rank, known.rank), not_before=not_before)
        return known is None

    def withdraw(self, job: str) -> bool:
        """Take a waiting job off the queue; False if it did not wait."""
        return self._waiting.pop(job, None) is not None

    def start(self, now: float) -> list[Wish]:
        """Choose what starts at `now` (monotonic seconds); it counts as running until `finished`."""
        chosen: list[Wish] = []
        while (wish := self._next(now)) is not None:
            place = self._places[wish.job]
            del self._waiting[wish.job]
            self._running[wish.job] = place
            self._starts += 1
            self._served[place.host] = self._starts
            chosen.append(wish)
        return chosen

    def finished(self, job: str) -> None:
        """The run of `job` has ended."""
        del self._running[job]

    def next_due(self, now: float) -> float | None:
        """When the first wish that is delayed beyond `now` may start, monotonic seconds; None if none is."""
        return min((wish.not_before for wish in self._waiting.values() if wish.not_before > now), default=None)

    @property
    def _hosts(self) -> set[str]:
        return {place.host for place in self._places.values()}

    def _next(self, now: float) -> Wish | None:
        if len(self._running) >= self._total:
            return None
        busy = Counter(place.host for place in self._running.values())
        able = [wish for wish in self._waiting.values() if wish.not_before <= now and self._may_start(wish, busy)]

        def turn(wish: Wish) -> tuple[int, int, int]:
            host = self._places[wish.job].host
            return busy[host], self._served.get(host, 0), wish.rank

        return min(able, key=turn, default=None)

    def _may_start(self, wish: Wish, busy: Counter[str]) -> bool:
        place = self._places[wish.job]
        if wish.job in self._running or any(place.overlaps(other) for other in self._running.values()):
            return False
        return busy[place.host] < self._host_limit(place.host)

    def _host_limit(self, host: str) -> int:
        limit = max(1, self._per_host.get(host, 1))
        return min(limit, max(1, self._total - 1)) if len(self._hosts) > 1 else limit
