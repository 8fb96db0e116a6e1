"""Calendar periods: which hour, day, week, month or year of a time zone a moment lies in.

Nothing here knows of snapshots or of rules. A further kind of period is one more line in `PERIODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PeriodKind:
    """Hours, days, ISO weeks, months or years.

    Attributes:
        key: of an aware moment, the identity of its period in the moment's own zone; keys sort in the order of time.
        label_format: for `strftime`: the period for a person, as in `2026-11-20` or `2026-W47`.
    """

    key: Callable[[datetime], tuple[int, ...]]
    label_format: str


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
