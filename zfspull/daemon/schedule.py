"""Fires jobs at their times. The only importer of APScheduler, which is used for one thing: to wake and hand out names.

What is scheduled only hands a job's name to the queue; runs are no business of APScheduler's, whose shutdown cancels
what it runs. Its cron triggers number weekdays differently from crond, so when a job fires is decided by
`plan.schedule` alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.plan.schedule import Schedule


BACKWARD_STEP_SECONDS = 60.0
"""A wall clock put back by more makes all firings be computed anew; less makes them late by no more than that."""

Spread = Callable[[str, datetime], float]
"""Of a job and a scheduled moment: where in its jitter it fires, from 0 to 1."""


def spread(job: str, scheduled: datetime) -> float:
    """The same for the same job and moment, in any process: a restart neither repeats nor loses a firing."""
    text = f"{job}|{scheduled.timestamp():.0f}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Firings:
    """When one job fires: its schedule in its time zone, each firing delayed by up to `jitter_seconds`."""

    job: str
    schedule: Schedule
    zone: tzinfo
    jitter_seconds: float = 0.0
    spread: Spread = spread

    def after(self, moment: datetime) -> datetime | None:
        """The first firing later than `moment` (aware), in UTC; None if there is none any more."""
        # A firing that was due before may still be ahead by its jitter: begin to look that much earlier.
        scheduled = self.schedule.next_after(moment - timedelta(seconds=self.jitter_seconds), self.zone)
        while scheduled is not None:
            firing = scheduled + timedelta(seconds=self.jitter_seconds * self.spread(self.job, scheduled))
            if firing > moment:
                return firing
            scheduled = self.schedule.next_after(scheduled, self.zone)
        return None

    def missed(self, *, last: datetime | None, now: datetime) -> bool:
        """Whether a firing came between the `last` attempt and `now`. A job never attempted counts as missed.

        It would else never run on a machine that is always off at the hour in question. Nor does an attempt that lies
        ahead count: a clock that was wrong would keep the job from being made up for until that time has come.
        """
        if last is None or last > now:
            return True
        firing = self.after(last)
        return firing is not None and firing <= now


class Timetable(Protocol):
    """Whoever fires jobs."""

    def start(self) -> None:
        """Begin to fire; needs a running event loop."""

    def stop(self) -> None:
        """Fire no more."""

    def set(self, firings: Iterable[Firings]) -> None:
        """These jobs fire from now on, and no others. One whose times did not change keeps its next firing."""

    def next_run(self, job: str) -> float | None:
        """When the job fires next, seconds since the epoch; None if it does not."""

    def tick(self) -> None:
        """Look at the clock. Called a few times per minute, so that neither a suspend nor a set clock makes it late."""


class Scheduler:
    """The timetable of the daemon."""

    def __init__(self, fire: Callable[[str], None], clock: Clock) -> None:
        """Args: `fire` is given the name of each job whose time has come; it neither blocks nor raises."""
        self._fire = fire
        self._clock = clock
        self._firings: dict[str, Firings] = {}
        self._offset = clock.now() - clock.monotonic()
        # UTC: the default would be to guess the local zone, which fails on some minimal systems.
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1000},
        )

    def start(self) -> None:
        """Begin to fire; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Fire no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, firings: Iterable[Firings]) -> None:
        """These jobs fire from now on, and no others. One whose times did not change keeps its next firing."""
        wanted = {one.job: one for one in firings}
        for job in self._firings.keys() - wanted.keys():
            self._remove(job)
        for job, one in wanted.items():
            if self._firings.get(job) != one:
                self._add(one)
        self._firings = wanted

    def next_run(self, job: str) -> float | None:
        """When the job fires next, seconds since the epoch; None if it does not."""
        entry = self._scheduler.get_job(job)
        at: datetime | None = getattr(entry, "next_run_time", None)
        return at.timestamp() if at is not None else None

    def tick(self) -> None:
        """Look at the clock: APScheduler sleeps by the monotonic clock, which a suspend stops and nobody can set."""
        if not self._scheduler.running:
            return
        offset = self._clock.now() - self._clock.monotonic()
        if offset < self._offset - BACKWARD_STEP_SECONDS:
            for one in self._firings.values():
                self._add(one)
        self._offset = offset
        self._scheduler.wakeup()

    def _add(self, one: Firings) -> None:
        self._scheduler.add_job(self._fired, _Trigger(one), args=[one.job], id=one.job, replace_existing=True)

    def _remove(self, job: str) -> None:
        if self._scheduler.get_job(job) is not None:  # one without further firings removed itself
            self._scheduler.remove_job(job)

    async def _fired(self, job: str) -> None:
        self._fire(job)


class _Trigger(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    __slots__ = ("_firings",)

    def __init__(self, firings: Firings) -> None:
        self._firings = firings

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next firing after both; what passed in between is not counted up.

        APScheduler asks in a loop until it has passed `now`. After a clock was set from 1970 that would be millions of
        turns in which nothing else runs.
        """
        return self._firings.after(now if previous_fire_time is None else max(previous_fire_time, now))
