"""Made-up listings: `every 15m for 2y`, to try keep rules on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zfspull.plan.duration import parse_duration
from zfspull.plan.rhythm import FIRST_MOMENT, Even
from zfspull.plan.snapshot_names import taken_name
from zfspull.zfs.model import Snapshot


MOST_SNAPSHOTS = 200_000

_WHOLE = re.compile(r"(?:every\s+)?(.+?)\s+for\s+(.+)", re.IGNORECASE)
_NICKNAMES = {"hourly": "1h", "daily": "1d", "weekly": "1w"}
_YEARS = re.compile(r"([0-9]{1,3})\s*(?:y|years?)", re.IGNORECASE)
_YEAR = "365d"
_EXAMPLES = '"every 15m for 2y" or "hourly for 90d"'


@dataclass(frozen=True, slots=True)
class Simulation:
    """A snapshot every so many whole seconds for so long; `text` is what somebody wrote."""

    text: str
    every_seconds: int
    for_seconds: int

    def rhythm(self, at: float) -> Even:
        """When they arrive, if one arrived at that moment."""
        return Even(self.every_seconds, int(at))

    def snapshots(self, at: float, *, prefix: str) -> tuple[Snapshot, ...]:
        """The listing, oldest first; the newest was taken at `at` (seconds since the epoch).

        Raises:
            ValueError: it would begin before calendars do.
        """
        count = max(self.for_seconds // self.every_seconds, 1)
        begin = int(at) - (count - 1) * self.every_seconds
        if begin < FIRST_MOMENT:
            raise ValueError(f"{self.text!r} would begin before the year 1000")
        moments = range(begin, int(at) + 1, self.every_seconds)
        return tuple(
            Snapshot(name=taken_name(prefix, moment), guid=number, createtxg=number, creation=moment)
            for number, moment in enumerate(moments, start=1)
        )


def parse_simulation(text: str) -> Simulation:
    """Read `"every DURATION for DURATION"`; `hourly`, `daily` and `weekly` are short, and the latter may be years.

    Raises:
        ValueError: with what is wrong and what would be right.
    """
    text = " ".join(text.split())
    parts = _WHOLE.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no simulation; write for example {_EXAMPLES}")
    every = parse_duration(_NICKNAMES.get(parts[1].lower(), parts[1]))
    years = _YEARS.fullmatch(parts[2])
    # A year is no length of time; how long a listing is need not be exact.
    length = int(years[1]) * parse_duration(_YEAR) if years else parse_duration(parts[2])
    if every < 1 or every != int(every):
        raise ValueError(f"{parts[1]!r} must be a whole number of seconds, at least 1s")
    if length < every:
        raise ValueError(f"{text!r} has no snapshot: {parts[2]} is shorter than {parts[1]}")
    if length // every > MOST_SNAPSHOTS:
        raise ValueError(
            f"{text!r} would be {length // every:.0f} snapshots; at most {MOST_SNAPSHOTS} can be simulated"
        )
    return Simulation(text, int(every), int(length))
