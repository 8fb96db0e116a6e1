"""Figures and foreign text as a person should see them. Pure: time zone and present moment are arguments."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from zfspull.config.units import format_bytes, format_duration, format_rate
from zfspull.observe.text import safe


__all__ = ["ago", "counted", "duration", "moment", "percentage", "rate", "safe", "safe_block", "size", "time_left"]


UNKNOWN = "-"


def safe_block(text: str) -> str:
    """Like `safe`, but line feeds stay: for messages that have several lines."""
    return "\n".join(safe(line) for line in text.split("\n"))


def size(count_bytes: float | None) -> str:
    """`1.5 GiB`; `-` for None."""
    return UNKNOWN if count_bytes is None else format_bytes(count_bytes)


def rate(bytes_per_second: float | None) -> str:
    """`10.2 MiB/s`; `-` for None."""
    return UNKNOWN if bytes_per_second is None else format_rate(bytes_per_second)


def percentage(part: float, whole: float | None) -> str:
    """`42%`; 100 at most (an estimate may be too low), `-` where the whole is unknown."""
    if not whole:
        return UNKNOWN
    return f"{min(int(100 * part / whole), 100)}%"


def duration(seconds: float | None) -> str:
    """`1h2m`, `45s`: whole seconds in the two largest units; `-` for None."""
    return UNKNOWN if seconds is None else format_duration(round(max(seconds, 0)))


_SPANS = (("year", 365 * 86400), ("month", 30 * 86400), ("week", 7 * 86400), ("day", 86400), ("hour", 3600))


def roughly(seconds: float) -> str:
    """`5 weeks`, `2 days`: a length of time that is only guessed, in a unit of which there are at least two."""
    unit, scale = next(((unit, scale) for unit, scale in _SPANS if seconds >= 2 * scale), ("hour", 3600))
    return counted(max(1, round(seconds / scale)), unit)


def time_left(moved_bytes: float, expected_bytes: float | None, bytes_per_second: float) -> float | None:
    """Seconds until the rest has moved at this rate; None where that can't be said."""
    if expected_bytes is None or bytes_per_second <= 0:
        return None
    return max(expected_bytes - moved_bytes, 0) / bytes_per_second


def moment(at: float | None, zone: tzinfo = UTC) -> str:
    """`2026-11-21 10:25:00` in `zone`; `-` for None."""
    return UNKNOWN if at is None else datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def ago(at: float | None, now: float) -> str:
    """`3m ago`, `in 2h`, `now`; `-` for None."""
    if at is None:
        return UNKNOWN
    past = now - at
    if abs(past) < 1:
        return "now"
    return f"{duration(past)} ago" if past > 0 else f"in {duration(-past)}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 dataset`, `2 datasets`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
