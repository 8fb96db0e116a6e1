"""Which snapshots the keep rules of a job hold, and which they give up.

Only rules live here: they judge by a snapshot's time, order and name. What protects a snapshot whatever the rules say
(base, holds, clones ...) is a guard and lives in `prune`. docs/reference/retention.md is the manual, and its worked
calendars are run as tests.

A rule is a function from the snapshots (newest first) to the guids that it keeps, each with a reason; `RULES` lists
them. A snapshot stays if any rule keeps it. For a new rule, add a field to `Keep` and a function to `RULES`, and see
to it that a snapshot which the rule keeps today, it kept ever since that snapshot arrived: then pruning often ends
where pruning once does. `forecast` has to learn it, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from zfspull.plan.duration import format_duration
from zfspull.plan.keep import Keep, Retention, RuleSet, as_retention
from zfspull.plan.periods import PERIODS
from zfspull.plan.trust import in_order, judge_times
from zfspull.zfs.model import Snapshot


__all__ = ["Decision", "Keep", "Retention", "RuleSet", "decide"]

NO_RULES = "no keep rules"
NO_RULE_SET = "no rule set"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say about the snapshots of one dataset.

    Attributes:
        reasons: by guid of each snapshot that is kept, the rules that keep it, as in `daily 2026-11-20`, `last 2/3`.
        given_up: the snapshots that no rule keeps, oldest first.
    """

    reasons: Mapping[int, tuple[str, ...]]
    given_up: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class _Past:
    """What the rules look at: the snapshots whose time can be believed, newest first."""

    newest_first: tuple[Snapshot, ...]
    zone: ZoneInfo
    now: float


Kept = Iterator[tuple[int, str]]
Rule = Callable[[Keep, _Past], Kept]


def _last(keep: Keep, past: _Past) -> Kept:
    for position, snapshot in enumerate(past.newest_first[: keep.last], start=1):
        yield snapshot.guid, f"last {position}/{keep.last}"


def _calendar(keep: Keep, past: _Past) -> Kept:
    counts = {name: getattr(keep, name) for name in PERIODS if getattr(keep, name)}
    if not counts:
        return
    moments = [(datetime.fromtimestamp(snapshot.creation, past.zone), snapshot) for snapshot in past.newest_first]
    for name, count in counts.items():
        kind = PERIODS[name]
        newest: dict[tuple[int, ...], tuple[datetime, Snapshot]] = {}
        for moment, snapshot in moments:
            if (key := kind.key(moment)) not in newest:
                newest[key] = (moment, snapshot)
        # By the calendar and not by order of arrival: a clock that was set back displaces nothing.
        for key in sorted(newest, reverse=True)[:count]:
            moment, snapshot = newest[key]
            yield snapshot.guid, f"{name} {moment.strftime(kind.label_format)}"


def _within(keep: Keep, past: _Past) -> Kept:
    if not keep.within_seconds or not past.newest_first:
        return
    # From the newest snapshot and not from the clock: a machine that was off for a year loses nothing by it.
    newest = min(past.now, max(snapshot.creation for snapshot in past.newest_first))
    for snapshot in past.newest_first:
        if snapshot.creation >= newest - keep.within_seconds:
            yield snapshot.guid, f"within {format_duration(keep.within_seconds)}"


def _names(keep: Keep, snapshots: Sequence[Snapshot]) -> Kept:
    # Names hold whatever the clock says.
    for snapshot in snapshots:
        for pattern in keep.matching:
            if re.search(pattern, snapshot.name):
                yield snapshot.guid, f"matching {pattern}"
        if keep.not_matching and not any(re.search(pattern, snapshot.name) for pattern in keep.not_matching):
            yield snapshot.guid, f"not_matching {' or '.join(keep.not_matching)}"


RULES: tuple[Rule, ...] = (_last, _calendar, _within)


def decide(snapshots: Sequence[Snapshot], keep: Retention | Keep | None, *, zone: ZoneInfo, now: float) -> Decision:
    """Decide for each snapshot of one dataset whether a rule keeps it, and which.

    The outcome does not depend on the order of `snapshots`, nor on how often it was acted upon before. A snapshot
    whose time can't be believed is kept and counts for no rule, so that a wrong clock can't push out what is good.

    Args:
        snapshots: all snapshots of one dataset, in any order.
        keep: the rule sets, or rules for all snapshots; None to keep everything.
        zone: where days begin.
        now: seconds since the epoch; only decides what lies in the future.
    """
    newest_first = in_order(snapshots)[::-1]
    reasons: dict[int, list[str]] = {}
    for guid, reason in _kept(as_retention(keep), newest_first, zone=zone, now=now):
        reasons.setdefault(guid, []).append(reason)
    return Decision(
        MappingProxyType({guid: tuple(texts) for guid, texts in reasons.items()}),
        tuple(snapshot for snapshot in reversed(newest_first) if snapshot.guid not in reasons),
    )


def _kept(retention: Retention, newest_first: Sequence[Snapshot], *, zone: ZoneInfo, now: float) -> Kept:
    trust = judge_times(newest_first, now)
    yield from trust.stay.items()
    believed = trust.believed[::-1]
    unjudged = {snapshot.guid for snapshot in newest_first}
    for one in retention.sets:
        judged = [snapshot for snapshot in newest_first if one.judges(snapshot.name)]
        unjudged.difference_update(snapshot.guid for snapshot in judged)
        past = _Past(tuple(snapshot for snapshot in believed if one.judges(snapshot.name)), zone, now)
        for guid, reason in _kept_by(one, judged, past):
            yield guid, one.signed(reason)
    for guid in unjudged:
        yield guid, NO_RULE_SET


def _kept_by(one: RuleSet, judged: Sequence[Snapshot], past: _Past) -> Kept:
    if one.keep is None:
        yield from ((snapshot.guid, NO_RULES if one.snapshots is None else "all") for snapshot in judged)
        return
    yield from _names(one.keep, judged)
    for rule in RULES:
        yield from rule(one.keep, past)
