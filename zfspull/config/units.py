"""Sizes and rates as people write them, and back. Lengths of time are in `zfspull.plan.duration` and re-exported here.

Pure text and numbers. Decimal and binary units are told apart (1 MB is 1000000 bytes, 1 MiB is 1048576), and so are
bits and bytes; what could be either is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from zfspull.plan.duration import format_duration, parse_duration


__all__ = ["format_bytes", "format_duration", "format_rate", "parse_duration", "parse_rate", "parse_size"]

_BINARY = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}
_DECIMAL = {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_SIZES = {unit: Fraction(size) for unit, size in ({"B": 1} | _DECIMAL | _BINARY).items()}
_BITS = {
    "bit": Fraction(1, 8),
    "kbit": Fraction(10**3, 8),
    "Mbit": Fraction(10**6, 8),
    "Gbit": Fraction(10**9, 8),
}
_RATES = {f"{unit}/s": size for unit, size in (_SIZES | _BITS).items()}
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(\S*)")
_LARGEST = 1 << 63


def parse_size(text: str) -> int:
    """Bytes in `text`, such as `"10 MiB"` or `"1.5GB"`, rounded down to whole bytes.

    Raises:
        ValueError: with what is wrong and what would be right.
    """
    return _parse(text, _SIZES, "size", "10 MiB, 1.5 GB or 512 KiB")


def parse_rate(text: str) -> int:
    """Bytes per second in `text`, such as `"10 MiB/s"` or `"80 Mbit/s"`, rounded down to whole bytes.

    Raises:
        ValueError: with what is wrong and what would be right.
    """
    return _parse(text, _RATES, "rate", "10 MiB/s, 5 MB/s or 80 Mbit/s")


def format_bytes(count: float) -> str:
    """`count` bytes for people, in binary units: `"512 B"`, `"1.5 GiB"`."""
    for name, scale in reversed(_BINARY.items()):
        # Half a digit early, so that nothing is shown as 1024.0 of the next smaller unit.
        if abs(count) >= scale * (1 - 0.05 / 1024):
            return f"{count / scale:.1f} {name}"
    return f"{count:.0f} B"


def format_rate(bytes_per_second: float) -> str:
    """A rate for people: `"10.0 MiB/s"`."""
    return f"{format_bytes(bytes_per_second)}/s"


def _parse(text: str, units: Mapping[str, Fraction], what: str, examples: str) -> int:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no {what}; write for example {examples}")
    number, unit = match.groups()
    if not unit:
        raise ValueError(f"{text!r} has no unit; write for example {examples}")
    if unit not in units:
        raise ValueError(f"{text!r} has the unknown unit {unit!r}{_meant(unit, units)}; write for example {examples}")
    amount = Fraction(number) * units[unit]
    if amount >= _LARGEST:
        raise ValueError(f"{text!r} is more than any pool can hold")
    return int(amount)


def _meant(unit: str, units: Mapping[str, Fraction]) -> str:
    """A question for those who wrote only the case or the `/s` of a unit wrong."""
    alike = {unit.lower(), f"{unit}/s".lower(), unit.lower().removesuffix("/s").removesuffix("ps") + "/s"}
    meant = sorted({known for known in units if known.lower() in alike}, key=len)
    return f" (did you mean {' or '.join(meant)}?)" if meant else ""
