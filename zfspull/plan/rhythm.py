"""How snapshots go on arriving, as far as one can assume it: at a schedule, or at an even distance.

For forecasts only; nothing is ever destroyed by an assumption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from zfspull.plan.duration import format_duration
from zfspull.plan.schedule import Schedule
from zfspull.zfs.model import Snapshot


LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""Where calendars are near their end."""
FIRST_MOMENT = datetime(1000, 1, 1, tzinfo=UTC).timestamp()

_DISTANCES = 5
"""How many of the newest distances speak for the rhythm: what lies further back is thinned already."""
_FIRST_REACH_SECONDS = 60


class Rhythm(Protocol):
    """Moments of arrival, in whole seconds since the epoch, without a beginning or an end."""

    @property
    def text(self) -> str:
        """For a person, as in `every 15m`."""

    def after(self, moment: float) -> int | None:
        """The first arrival later than `moment`; None if there is none within reach of calendars."""

    def before(self, moment: float) -> int | None:
        """The last arrival earlier than `moment`; None likewise."""


@dataclass(frozen=True, slots=True)
class Even:
    """An arrival every so many whole seconds; one of them at `anchor`."""

    seconds: int
    anchor: int

    @property
    def text(self) -> str:
        """`every 15m`; what is smaller than its two largest units is left out."""
        return f"every {format_duration(self.seconds)}"

    def after(self, moment: float) -> int | None:
        """The first arrival later than `moment`."""
        return _within_reach(self.anchor + (int((moment - self.anchor) // self.seconds) + 1) * self.seconds)

    def before(self, moment: float) -> int | None:
        """The last arrival earlier than `moment`."""
        return _within_reach(self.anchor - (int((self.anchor - moment) // self.seconds) + 1) * self.seconds)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An arrival whenever a job fires."""

    schedule: Schedule
    zone: ZoneInfo

    @property
    def text(self) -> str:
        """What the operator wrote."""
        return self.schedule.text

    def after(self, moment: float) -> int | None:
        """The first firing later than `moment`."""
        if not FIRST_MOMENT <= moment <= LAST_MOMENT:
            return None
        firing = self.schedule.next_after(datetime.fromtimestamp(moment, UTC), self.zone)
        return None if firing is None else _within_reach(int(firing.timestamp()))

    def before(self, moment: float) -> int | None:
        """The last firing earlier than `moment`: a schedule only looks forward, so from further and further back."""
        reach = _FIRST_REACH_SECONDS
        while moment - reach > FIRST_MOMENT:
            last, firing = None, self.after(moment - reach)
            while firing is not None and firing < moment:
                last, firing = firing, self.after(firing)
            if last is not None:
                return last
            reach *= 2
        return None


def coming(rhythm: Rhythm, now: float, most: int) -> Iterator[int]:
    """The arrivals later than `now`, in order, no more than `most`."""

    def all_of_them() -> Iterator[int]:
        moment = rhythm.after(now)
        while moment is not None:
            yield moment
            moment = rhythm.after(moment)

    return islice(all_of_them(), most)


def median_distance(snapshots: Sequence[Snapshot]) -> Even | None:
    """The rhythm of snapshots by the median distance of the newest ones; None where there are no two."""
    moments = sorted({snapshot.creation for snapshot in snapshots})[-_DISTANCES - 1 :]
    distances = sorted(later - earlier for earlier, later in pairwise(moments))
    return Even(distances[len(distances) // 2], moments[-1]) if distances else None


def _within_reach(moment: int) -> int | None:
    return moment if FIRST_MOMENT <= moment <= LAST_MOMENT else None
