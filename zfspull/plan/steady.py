"""How many snapshots there will be once the rules are full: what a rhythm leaves that was the same for ever."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from zoneinfo import ZoneInfo

from zfspull.plan.expectation import Expected
from zfspull.plan.keep import Keep
from zfspull.plan.periods import PERIODS
from zfspull.plan.rhythm import Rhythm


MOST_STEPS = 20_000
"""How many arrivals are looked back upon; with more nothing is said."""


def steady_arrivals(one: Expected, *, zone: ZoneInfo, now: float) -> frozenset[int] | None:
    """When those snapshots would have arrived that the set kept now, had its rhythm been the same for ever.

    Args:
        one: the set and its rhythm.
        zone: where days begin.
        now: seconds since the epoch.

    Returns:
        None where it is more than `MOST_STEPS`; nothing where nothing is known to arrive, or all that does is kept.
    """
    keep, rhythm = one.rules.keep, one.rhythm
    if keep is None or rhythm is None or one.kept_for_ever:
        return frozenset()
    if max(keep.last, *(getattr(keep, name) for name in PERIODS)) > MOST_STEPS:
        return None
    moments = {*_going_back(rhythm, now, keep.last), *_newest_of_periods(keep, rhythm, zone, now)}
    if keep.within_seconds:
        steps = list(_going_back(rhythm, now, MOST_STEPS, since=keep.within_seconds))
        if len(steps) == MOST_STEPS:
            return None
        moments.update(steps)
    return frozenset(moments)


def _going_back(rhythm: Rhythm, now: float, most: int, *, since: float = inf) -> Iterator[int]:
    """The newest arrivals, `most` of them, that are no more than `since` seconds older than the newest."""
    moment = rhythm.before(int(now) + 1)
    oldest = -inf if moment is None else moment - since
    for _ in range(most):
        if moment is None or moment < oldest:
            return
        yield moment
        moment = rhythm.before(moment)


def _newest_of_periods(keep: Keep, rhythm: Rhythm, zone: ZoneInfo, now: float) -> Iterator[int]:
    for name, kind in PERIODS.items():
        before = int(now) + 1
        for _ in range(getattr(keep, name)):
            moment = rhythm.before(before)
            if moment is None:
                break
            yield moment
            before = kind.first_within(moment, zone)
