"""Lengths of time as people write them (`90s`, `1h30m`), here because schedules are written with them too.

Only text in and seconds out, or the other way round. Sizes and rates are in `zfspull.config.units`.
"""

from __future__ import annotations

import re


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPELLINGS = {
    "ms": ("ms",),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
}
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}
_SMALL_ONLY = frozenset({"m", "ms"})
"""Not written with capitals: M is a month to systemd and mega to the rest of the world."""
_CALENDAR = frozenset({"mo", "mon", "month", "months", "y", "yr", "yrs", "year", "years"})
_PART = re.compile(r"([0-9]+)\s*([A-Za-z]+)\s*")
_EXAMPLES = "90s, 15m, 2h, 7d, 1w or 1h30m"
_TOO_LONG_SECONDS = 100 * 366 * 86400
_MAX_DIGITS = 15


def parse_duration(text: str) -> float:
    """Seconds in `text`, such as `"90s"`, `"15 min"` or `"1h30m"`; `"0"` is the one number without a unit.

    A month or a year is no length of time, so there are no units for them; capitals are taken for small letters except
    where they could mean another unit.

    Raises:
        ValueError: with what is wrong and what would be right.
    """
    text = text.strip()
    if text == "0":
        return 0
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{text!r} has no unit; write for example {text}s, {text}m or {text}h")
    seconds, end, last = 0.0, 0, ""
    for part in _PART.finditer(text):
        digits, spelling = part.groups()
        if spelling == "M" or spelling.lower() in _CALENDAR:
            raise ValueError(
                f"{text!r} is no length of time: m is minutes, and there are no months or years; write for example 180d"
            )
        unit = _unit(spelling)
        if part.start() != end or len(digits) > _MAX_DIGITS or not unit:
            break
        if last and _SECONDS[unit] >= _SECONDS[last]:
            raise ValueError(f"{text!r} must go from the larger unit to the smaller, each once, as in 1h30m")
        seconds, end, last = seconds + int(digits) * _SECONDS[unit], part.end(), unit
    if not text or end != len(text):
        raise ValueError(f"{text!r} is no length of time; write for example {_EXAMPLES}")
    if seconds > _TOO_LONG_SECONDS:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return seconds


def _unit(spelling: str) -> str:
    """The unit that is written so, "" for none."""
    small = spelling.lower()
    return "" if small in _SMALL_ONLY and spelling != small else _UNITS.get(small, "")


def format_duration(seconds: float) -> str:
    """`seconds` for people, in its two largest units: `"1d2h"`, `"45m"`, `"0.25s"`, `"0s"`.

    What is smaller is cut off, not rounded: a deadline never looks further away than it is.
    """
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if 0 < seconds < 1:
        return f"{seconds:.2g}s"
    left, parts = int(seconds), list[str]()
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(_SECONDS[unit]))
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return "".join(parts[:2]) or "0s"
