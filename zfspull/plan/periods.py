"""Calendar periods: which hour, day, week, month or year of a time zone a moment lies in.

Nothing here knows of snapshots or of rules. A further kind of period is one more line in `PERIODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


_FIRST_REACH_SECONDS = 1800
"""No period is shorter; Lord Howe has one of that length each year."""


@dataclass(frozen=True, slots=True)
class PeriodKind:
    """Hours, days, ISO weeks, months or years.

    Attributes:
        key: of an aware moment, the identity of its period in the moment's own zone; keys sort in the order of time.
        label_format: for `strftime`: the period for a person, as in `2026-11-20` or `2026-W47`.
    """

    key: Callable[[datetime], tuple[int, ...]]
    label_format: str

    def key_at(self, at: float, zone: ZoneInfo) -> tuple[int, ...]:
        """The identity of the period of `zone` in which `at` (seconds since the epoch) lies."""
        return self.key(datetime.fromtimestamp(at, zone))

    def first_after(self, at: int, zone: ZoneInfo) -> int:
        """The first second after `at` that lies in another period."""
        return self._edge(at, zone, direction=1)

    def first_within(self, at: int, zone: ZoneInfo) -> int:
        """The first second of the period in which `at` lies."""
        return self._edge(at, zone, direction=-1) + 1

    def _edge(self, at: int, zone: ZoneInfo, *, direction: int) -> int:
        # By search and not by arithmetic: how long an hour or a day is, only the zone knows.
        here, reach = self.key_at(at, zone), _FIRST_REACH_SECONDS
        while self.key_at(at + direction * reach, zone) == here:
            reach *= 2
        inside, outside = reach // 2 if reach > _FIRST_REACH_SECONDS else 0, reach
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if self.key_at(at + direction * middle, zone) == here:
                inside = middle
            else:
                outside = middle
        return at + direction * outside


def _week(moment: datetime) -> tuple[int, ...]:
    # ISO 8601: weeks begin on Monday and belong to the year that holds their Thursday.
    year, week, _ = moment.isocalendar()
    return year, week


PERIODS: Mapping[str, PeriodKind] = {
    # `fold` is 1 the second time round, when clocks go back and an hour, or a part of it, is lived twice.
    "hourly": PeriodKind(lambda at: (at.year, at.month, at.day, at.hour, at.fold), "%Y-%m-%d %H:00 %z"),
    "daily": PeriodKind(lambda at: (at.year, at.month, at.day), "%Y-%m-%d"),
    "weekly": PeriodKind(_week, "%G-W%V"),
    "monthly": PeriodKind(lambda at: (at.year, at.month), "%Y-%m"),
    "yearly": PeriodKind(lambda at: (at.year,), "%Y"),
}
"""By the name of the rule that counts them."""
