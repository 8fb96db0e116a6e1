"""Room in a pool: whether there is little of it, and when there will be none. Pure; nothing here looks at a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from zfspull.zfs.model import Space


DAY_SECONDS = 86_400.0
WINDOW_SECONDS = 30 * DAY_SECONDS
"""How far back a trend looks: long enough for a weekly rhythm, short enough for what is true now."""

BUCKET_SECONDS = 6 * 3600.0
"""Samples are taken together over this time, so that what matters is time and not how often somebody looked."""

MIN_BUCKETS = 5
MIN_SPAN_SECONDS = DAY_SECONDS
MIN_RISING = 2 / 3
"""Which part of all pairs of moments must show growth; in mere noise it is about a half."""

HORIZON_SECONDS = 3 * 365 * DAY_SECONDS
"""What lies further ahead than this is not foretold."""


@dataclass(frozen=True, slots=True)
class LowSpace:
    """When a pool counts as short of room: a `share` (0 to 1) of all it has, or `size_bytes`; one is None."""

    share: float | None = None
    size_bytes: int | None = None

    def floor_bytes(self, space: Space) -> float:
        """What should be available there at least."""
        if self.size_bytes is not None:
            return self.size_bytes
        return (self.share or 0.0) * (space.used_bytes + space.available_bytes)

    def is_short(self, space: Space) -> bool:
        """Whether less is available there than should be."""
        return space.available_bytes < self.floor_bytes(space)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was in use in a pool at a moment, seconds since the epoch."""

    at: float
    used_bytes: int


def growth(samples: Sequence[Sample]) -> float | None:
    """How fast a pool fills, in bytes per second; None if it does not, or if nobody can tell.

    It is the median of the slopes between all pairs of moments (Theil and Sen): a night's backup, a prune, a dataset
    that was destroyed or a month without the machine do not bend it. What is in use is looked at, not what is free: a
    disk that is added changes nothing in it.

    Args:
        samples: in any order; of those of the last `WINDOW_SECONDS` before the newest.
    """
    points = _points(samples)
    if len(points) < MIN_BUCKETS or points[-1][0] - points[0][0] < MIN_SPAN_SECONDS:
        return None
    slopes = [(used - before) / (at - earlier) for (earlier, before), (at, used) in combinations(points, 2)]
    rising = sum(slope > 0 for slope in slopes)
    slope = median(slopes)
    return slope if slope > 0 and rising >= MIN_RISING * len(slopes) else None


def seconds_until_full(samples: Sequence[Sample], available_bytes: int) -> float | None:
    """How long until nothing is available, if it goes on as in the past weeks; None if that is not in sight.

    Args:
        samples: of the past, in any order.
        available_bytes: what is available now.
    """
    if available_bytes <= 0:
        return 0.0
    rate = growth(samples)
    if rate is None or available_bytes > rate * HORIZON_SECONDS:
        return None
    return available_bytes / rate


def _points(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """One point for each bucket of time that has samples: their median, at the median of their times."""
    newest = max((sample.at for sample in samples), default=0.0)
    buckets: dict[int, list[Sample]] = {}
    for sample in samples:
        if sample.at >= newest - WINDOW_SECONDS:
            # Counted back from the newest, so that shifting all times changes nothing.
            buckets.setdefault(int((newest - sample.at) // BUCKET_SECONDS), []).append(sample)
    return sorted(
        (median(sample.at for sample in bucket), median(sample.used_bytes for sample in bucket))
        for bucket in buckets.values()
    )
