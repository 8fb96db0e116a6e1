"""When a job runs: the next firing after a moment, in a time zone, from a crontab line or `every 15m`.

Firings are instants and are returned in UTC. The zone only says what the wall clock shows. When clocks are changed:

* A crontab line that names certain hours (`30 2 * * *`, `0 */6 * * *`) fires once for every wall-clock time it names.
  If the clocks jump over that time it fires right after the jump; if they show it twice it fires the first time.
* A crontab line whose hours are `*` follows real time: it fires whenever the clock shows a minute that it names, so a
  repeated hour has its firings again and a skipped hour has none.
* `every 15m` knows no zone: it is counted from 1970-01-01 00:00 UTC, so neither a restart nor a changed clock moves it.

That is what cron(8) says it does: jobs "that run at a specific time" are looked after when clocks change, more frequent
ones go by the clock. Which of the two a line is depends on its hours alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from zfspull.plan.cron import Cron, parse_cron
from zfspull.plan.duration import parse_duration


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"every\s+(.+)", re.IGNORECASE)
_LOOK_AHEAD = timedelta(days=1)
_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Fires by the wall clock; `text` is what the operator wrote."""

    text: str
    cron: Cron

    def next_after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first firing later than `moment` (aware) where clocks show the time of `zone`.

        Returns:
            An instant in UTC, or None if the calendar ends before.
        """
        now = moment.astimezone(UTC)
        wall = _wall(now, zone)
        if not self.cron.every_hour:
            return self._first(wall, now, lambda candidate: _reached(candidate, zone))
        # A clock that is about to be put back will show times again that lie before the present one.
        put_back = max(_offset(now, zone) - _offset(now + _LOOK_AHEAD, zone), timedelta())
        firings = (
            self._first(wall, now, lambda candidate: _shown(candidate, zone, fold=0)),
            self._first(wall - put_back, now, lambda candidate: _shown(candidate, zone, fold=1)),
        )
        return min((firing for firing in firings if firing is not None), default=None)

    def interval_seconds(self) -> float:
        """The longest time that usually lies between two firings; changes of clocks are left out."""
        return _longest_gap_seconds(self.cron)

    def _first(self, wall: datetime, now: datetime, instant: Callable[[datetime], datetime | None]) -> datetime | None:
        """The first instant later than `now`, of the wall-clock times later than `wall`."""
        for candidate in self.cron.walls_after(wall):
            at = instant(candidate)
            if at is not None and at > now:
                return at
        return None


@dataclass(frozen=True, slots=True)
class EverySchedule:
    """Fires every so many seconds of real time, counted from the epoch; `text` is what the operator wrote."""

    text: str
    seconds: int

    def next_after(self, moment: datetime, zone: tzinfo) -> datetime | None:  # noqa: ARG002 - one call for both kinds
        """The first firing later than `moment` (aware), in UTC; the zone does not matter."""
        step = timedelta(seconds=self.seconds)
        try:
            return _EPOCH + ((moment.astimezone(UTC) - _EPOCH) // step + 1) * step
        except OverflowError:
            return None

    def interval_seconds(self) -> float:
        """The time between two firings."""
        return self.seconds


Schedule = CronSchedule | EverySchedule


def parse_schedule(text: str) -> Schedule:
    """Read `"every 15m"`, a nickname such as `"@hourly"`, or the five fields of a crontab line.

    Raises:
        ValueError: with what is wrong and what would be right.
    """
    text = " ".join(text.split())
    every = _EVERY.fullmatch(text)
    if every is None:
        if text.lower().startswith("@every "):
            raise ValueError(f'{text!r}: write it without the @, as in "every 15m"')
        return CronSchedule(text, parse_cron(text))
    seconds = parse_duration(every[1])
    if seconds < 1 or seconds != int(seconds):
        raise ValueError(f"{text!r} must be a whole number of seconds, at least 1s")
    return EverySchedule(text, int(seconds))


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    """How far the clocks of `zone` are ahead of UTC."""
    return instant.astimezone(zone).utcoffset() or timedelta()


def _wall(instant: datetime, zone: tzinfo) -> datetime:
    """What the clocks of `zone` show, naive and without regard to fold."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _shown(wall: datetime, zone: tzinfo, *, fold: int) -> datetime | None:
    """The first (fold 0) or last (fold 1) instant at which clocks show `wall`; None if they jump over it."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return instant if _wall(instant, zone) == wall else None


def _reached(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant at which clocks show `wall` or, if they jump over it, a later time."""
    shown = _shown(wall, zone, fold=0)
    if shown is not None:
        return shown
    # Read with the offset of after the jump the time lies before it, with that of before it lies after it (PEP 495).
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _wall(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=256)
def _longest_gap_seconds(cron: Cron) -> float:
    """The longest time between two firings on a clock that is never changed, over eight years or two days that fire."""
    times = [(hour * 60 + minute) * 60 for hour in cron.hours for minute in cron.minutes]
    longest = max((later - earlier for earlier, later in pairwise(times)), default=0)
    last: date | None = None
    for day in cron.dates_from(date(2000, 1, 1)):
        if last is not None:
            longest = max(longest, (day - last).days * _DAY_SECONDS + times[0] - times[-1])
            if day.year > 2008:  # noqa: PLR2004 - two leap years later
                break
        last = day
    return longest
