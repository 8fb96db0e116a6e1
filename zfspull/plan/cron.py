"""The five fields of a crontab line: what they say, which days and minutes of the wall clock they name.

Wall-clock time only: time zones and what happens when clocks are changed are the business of `schedule`. The meaning
is that of crontab(5) of the Vixie family (Debian's cron, cronie), where it is not what one would guess in one place:
day-of-month and day-of-week are joined by *or* if neither begins with `*`, and by *and* otherwise.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time


_MONTHS = {
    name: at
    for at, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_WEEKDAYS = {name: at for at, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_SUNDAY_TOO = 7
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST_MONTHS = {month: monthrange(2000, month)[1] for month in _MONTHS.values()}  # in a leap year
_ELEMENT = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?")
_MAX_DIGITS = 4


@dataclass(frozen=True, slots=True)
class _Field:
    """One column: what it is called, its first and last value, and the names its values have."""

    title: str
    low: int
    high: int
    names: tuple[tuple[str, int], ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS.items())),
    _Field("day of week", 0, _SUNDAY_TOO, tuple(_WEEKDAYS.items())),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """What a crontab line names, as sets of numbers.

    Attributes:
        minutes: 0-59, ascending.
        hours: 0-23, ascending.
        days: days of the month, 1-31.
        months: 1-12, ascending.
        weekdays: 0-6, 0 is Sunday.
        either_day: whether it is enough that the day of the month *or* the weekday fits; else both must.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: tuple[int, ...]
    weekdays: frozenset[int]
    either_day: bool

    @property
    def every_hour(self) -> bool:
        """Whether it fires in each of the 24 hours of its days."""
        return len(self.hours) == 24  # noqa: PLR2004 - hours of a day

    def names_date(self, day: date) -> bool:
        """Whether it fires on `day`."""
        if day.month not in self.months:
            return False
        fits = (day.day in self.days, day.isoweekday() % 7 in self.weekdays)
        return any(fits) if self.either_day else all(fits)

    def dates_from(self, first: date) -> Iterator[date]:
        """The days it fires on, ascending, `first` or later, to the end of the calendar."""
        for year in range(first.year, MAXYEAR + 1):
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                for number in range(1, monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self.names_date(day):
                        yield day

    def walls_after(self, wall: datetime) -> Iterator[datetime]:
        """The wall-clock times (naive, whole minutes) it fires at, ascending, later than `wall`."""
        for day in self.dates_from(wall.date()):
            today = day == wall.date()
            for hour in self.hours[bisect_left(self.hours, wall.hour) if today else 0 :]:
                for minute in self.minutes:
                    candidate = datetime.combine(day, time(hour, minute))
                    if not today or candidate > wall:
                        yield candidate


def parse_cron(text: str) -> Cron:
    """Read five fields or a nickname such as `@daily`.

    Names (`jan`, `mon`) are the first three letters in any case; 0 and 7 are Sunday; a step needs `*` or a range.

    Raises:
        ValueError: with what is wrong and what would be right; also for a date that never comes (30 February).
    """
    text = text.strip().lower()
    if text.startswith("@"):
        if text not in _NICKNAMES:
            raise ValueError(f"{text!r} is unknown; there are {', '.join(_NICKNAMES)}")
        text = _NICKNAMES[text]
    columns = text.split()
    if len(columns) != len(_FIELDS):
        raise ValueError(
            f"{text!r} has {len(columns)} fields; crontab's five are minute, hour, day of month, month, day of week, "
            'as in "30 2 * * *"'
        )
    minutes, hours, days, months, weekdays = map(_values, columns, _FIELDS)
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=tuple(sorted(months)),
        weekdays=frozenset(weekday % _SUNDAY_TOO for weekday in weekdays),
        either_day=not columns[2].startswith("*") and not columns[4].startswith("*"),
    )
    if not cron.either_day and all(min(days) > _LONGEST_MONTHS[month] for month in months):
        raise ValueError(f"{text!r} never fires: no such day of the month exists in these months")
    return cron


def _values(column: str, field: _Field) -> set[int]:
    """The values that one column (a list of elements) names."""
    values = set[int]()
    for element in column.split(","):
        values |= _element_values(element, field)
    return values


def _element_values(element: str, field: _Field) -> set[int]:
    """The values that `*`, `n`, `n-m`, `*/s` or `n-m/s` names."""
    match = _ELEMENT.fullmatch(element)
    if match is None:
        raise ValueError(f"{field.title}: {element!r} is none of *, 5, 1-5, */10, 8-18/2")
    start, end, step = match.groups()
    if start == "*":
        if end is not None:
            raise ValueError(f"{field.title}: {element!r} mixes * and a range")
        low, high = field.low, field.high
    else:
        low = _number(start, field)
        high = low if end is None else _number(end, field)
        if step is not None and end is None:
            raise ValueError(
                f"{field.title}: {element!r}: a step needs * or a range, as in {start}-{field.high}/{step}"
            )
    if low > high:
        raise ValueError(f"{field.title}: {element!r} counts down; write two ranges with a comma between them")
    if step is None:
        return set(range(low, high + 1))
    if len(step) > _MAX_DIGITS or not 1 <= int(step) <= field.high + 1:
        raise ValueError(f"{field.title}: the step of {element!r} must be 1 to {field.high + 1}")
    return set(range(low, high + 1, int(step)))


def _number(word: str, field: _Field) -> int:
    """The value of a number or name."""
    names = dict(field.names)
    if word in names:
        return names[word]
    if not word.isdecimal() or len(word) > _MAX_DIGITS:
        known = f" or one of {', '.join(names)}" if names else ""
        raise ValueError(f"{field.title}: {word!r} is no number{known}")
    if not field.low <= int(word) <= field.high:
        raise ValueError(f"{field.title}: {word} is not in {field.low}-{field.high}")
    return int(word)
