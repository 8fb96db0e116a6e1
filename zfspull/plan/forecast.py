"""When the rules will give up what they keep now, if snapshots go on arriving at a given rhythm.

Each rule says at which arrival it lets go of a snapshot; the last one to let go decides. That costs as many steps as
the rules count, however often snapshots arrive, and is exactly what pruning at every arrival comes to: a rule never
takes back what it gave up. A property test steps through the arrivals and compares.

A snapshot whose time can't be believed has no forecast, and counts in no other's. Guards are not for rules to foresee.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from zfspull.plan.expectation import Expected
from zfspull.plan.keep import Keep
from zfspull.plan.periods import PERIODS, PeriodKind
from zfspull.plan.rhythm import Rhythm, coming
from zfspull.plan.trust import Trust, in_order, judge_times
from zfspull.zfs.model import Snapshot


MOST_STEPS = 20_000
"""How many arrivals, or periods, are looked ahead; beyond nothing is foreseen."""

_NEVER = math.inf


@dataclass(frozen=True, slots=True)
class _View:
    """What the forecasts of one set look at: snapshots newest first, believed and judged by the set."""

    newest_first: Sequence[Snapshot]
    rhythm: Rhythm
    zone: ZoneInfo
    now: float


Leaving = Iterator[tuple[int, float]]
Period = tuple[int, ...]


def foresee(
    snapshots: Sequence[Snapshot], expected: Sequence[Expected], *, zone: ZoneInfo, now: float
) -> dict[int, float]:
    """By guid of each snapshot of one dataset that the rules keep now and will give up: at which arrival.

    Args:
        snapshots: all of the dataset, or those that the rules keep: it comes to the same.
        expected: each rule set, with what is assumed to arrive for it.
        zone: where days begin.
        now: seconds since the epoch; arrivals are later.

    Returns:
        Seconds since the epoch. What the rules give up already is left out, and so is what they never give up, or
        not within the next `MOST_STEPS` arrivals and periods.
    """
    leaves: dict[int, float] = {}
    newest_first = in_order(snapshots)[::-1]
    trust = judge_times(newest_first, now)
    for one in expected:
        mine = [snapshot for snapshot in newest_first if one.rules.judges(snapshot.name)]
        for guid, moment in _leaving(one, mine, trust, zone=zone, now=now):
            leaves[guid] = max(moment, leaves.get(guid, moment))
    return {guid: moment for guid, moment in leaves.items() if moment < _NEVER}


def _leaving(one: Expected, mine: Sequence[Snapshot], trust: Trust, *, zone: ZoneInfo, now: float) -> Leaving:
    for snapshot in mine:
        if snapshot.guid in trust.stay or one.rules.keeps_for_ever(snapshot.name):
            yield snapshot.guid, _NEVER
    if one.rules.keep is None:
        return
    believed = [snapshot for snapshot in trust.believed[::-1] if one.rules.judges(snapshot.name)]
    for forecast in FORECASTS:
        yield from forecast(one.rules.keep, _View(believed, one.rhythm or _Nothing(), zone, now))


class _Nothing:
    """The rhythm where nothing is known to arrive."""

    text = "nothing"

    def after(self, moment: float) -> None:
        """Nothing."""

    before = after


def _last(keep: Keep, view: _View) -> Leaving:
    kept = view.newest_first[: keep.last]
    arrivals = list(coming(view.rhythm, view.now, min(keep.last, MOST_STEPS)))
    for position, snapshot in enumerate(kept):
        yield snapshot.guid, _nth(arrivals, keep.last - position)


def _calendar(keep: Keep, view: _View) -> Leaving:
    for name, kind in PERIODS.items():
        if count := getattr(keep, name):
            yield from _periods(kind, count, view)


def _periods(kind: PeriodKind, count: int, view: _View) -> Leaving:
    newest: dict[Period, Snapshot] = {}
    for snapshot in view.newest_first:
        newest.setdefault(kind.key_at(snapshot.creation, view.zone), snapshot)
    if not newest:
        return
    first = dict(_coming_periods(kind, count, max(newest), view))
    fresh = [(key, moment) for key, moment in first.items() if key not in newest]
    moments = [moment for _, moment in fresh]
    for later, key in enumerate(sorted(newest, reverse=True)[:count]):
        # Pushed out by so many newer periods, or replaced within its own. A clock that is ahead has a newer one now.
        older = bisect_left(fresh, (key,))
        pushed = _nth(moments, older + count - later)
        yield newest[key].guid, min(pushed, first.get(key, _NEVER))


def _coming_periods(kind: PeriodKind, count: int, newest: Period, view: _View) -> Iterator[tuple[Period, int]]:
    """The next periods that get a snapshot, until `count` are newer than `newest`, each with its first arrival."""
    moment = view.rhythm.after(view.now)
    for _ in range(MOST_STEPS):
        if moment is None or count == 0:
            return
        key = kind.key_at(moment, view.zone)
        yield key, moment
        count -= key > newest
        moment = view.rhythm.after(kind.first_after(moment, view.zone) - 1)


def _within(keep: Keep, view: _View) -> Leaving:
    if not keep.within_seconds or not view.newest_first:
        return
    newest = min(view.now, max(snapshot.creation for snapshot in view.newest_first))
    for snapshot in view.newest_first:
        if snapshot.creation >= newest - keep.within_seconds:
            arrival = view.rhythm.after(max(view.now, snapshot.creation + keep.within_seconds))
            yield snapshot.guid, _NEVER if arrival is None else arrival


FORECASTS: tuple[Callable[[Keep, _View], Leaving], ...] = (_last, _calendar, _within)
"""For each of `retention.RULES`, which snapshots it keeps and when it lets go of each."""


def _nth(arrivals: Sequence[int], number: int) -> float:
    """The arrival of that number, counted from 1."""
    return arrivals[number - 1] if number <= len(arrivals) else _NEVER
