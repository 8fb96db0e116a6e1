"""Which snapshots the keep rules of a job hold, and which they give up.

Only rules live here: they judge by a snapshot's time, order and name. What protects a snapshot whatever the rules say
(base, holds, clones ...) is a guard and lives in `prune`. docs/reference/retention.md is the manual, and its worked
calendars are run as tests.

A rule is a function from the snapshots (newest first) to the guids that it keeps, each with a reason; `RULES` lists
them. A snapshot stays if any rule keeps it. For a new rule, add a field to `Keep` and a function to `RULES`, and see
to it that a snapshot which the rule keeps today, it kept ever since that snapshot arrived: then pruning often ends
where pruning once does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from zfspull.plan.duration import format_duration
from zfspull.plan.periods import PERIODS
from zfspull.zfs.model import Snapshot


TRUSTED_AHEAD_SECONDS = 86_400
"""How far ahead of this machine's clock a creation may lie; a mistaken time zone explains at most that."""

IN_THE_FUTURE = "created in the future"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The keep rules of a job. At least one must be set: what keeps everything is no `Keep` at all (None).

    Attributes:
        last: how many of the newest snapshots.
        hourly, daily, weekly, monthly, yearly: how many periods that have a snapshot; the newest of each is kept.
        within_seconds: all that are no more than this older than the newest.
        matching: regular expressions, searched for in the snapshot's name; all that match.

    Raises:
        ValueError: a negative number, a broken regular expression, or no rule at all.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_seconds: int = 0
    matching: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "matching"}
        for name, number in numbers.items():
            if number < 0:
                raise ValueError(f"{name} is {number}; a keep rule counts from 0")
        for pattern in self.matching:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"matching {pattern!r} is no regular expression: {error}") from error
        if not self.matching and not any(numbers.values()):
            raise ValueError("keep has no rule and would give up every snapshot; leave keep out to keep everything")


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
            newest.setdefault(kind.key(moment), (moment, snapshot))
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


RULES: tuple[Rule, ...] = (_last, _calendar, _within)


def decide(snapshots: Sequence[Snapshot], keep: Keep | None, *, zone: ZoneInfo, now: float) -> Decision:
    """Decide for each snapshot of one dataset whether a rule keeps it, and which.

    The outcome does not depend on the order of `snapshots`, nor on how often it was acted upon before. A snapshot
    from the future (more than `TRUSTED_AHEAD_SECONDS` after `now`) is kept and counts for no rule, so that a wrong
    clock can't push out what is good.

    Args:
        snapshots: all snapshots of one dataset, in any order.
        keep: the rules, None to keep everything.
        zone: where days begin.
        now: seconds since the epoch; only decides what lies in the future.
    """
    newest_first = sorted(snapshots, key=_order, reverse=True)
    reasons: dict[int, list[str]] = {}
    if keep is None:
        reasons = {snapshot.guid: ["no keep rules"] for snapshot in newest_first}
    else:
        for guid, reason in _kept(keep, newest_first, zone=zone, now=now):
            reasons.setdefault(guid, []).append(reason)
    return Decision(
        MappingProxyType({guid: tuple(texts) for guid, texts in reasons.items()}),
        tuple(snapshot for snapshot in reversed(newest_first) if snapshot.guid not in reasons),
    )


def _kept(keep: Keep, newest_first: Sequence[Snapshot], *, zone: ZoneInfo, now: float) -> Kept:
    trusted = []
    for snapshot in newest_first:
        if snapshot.creation > now + TRUSTED_AHEAD_SECONDS:
            yield snapshot.guid, IN_THE_FUTURE
        else:
            trusted.append(snapshot)
        # Names hold whatever the clock says.
        for pattern in keep.matching:
            if re.search(pattern, snapshot.name):
                yield snapshot.guid, f"matching {pattern}"
    past = _Past(tuple(trusted), zone, now)
    for rule in RULES:
        yield from rule(keep, past)


def _order(snapshot: Snapshot) -> tuple[int, int, int]:
    # ZFS never takes two snapshots of one dataset in one transaction group; should a listing say so, the order is
    # still settled.
    return snapshot.createtxg, snapshot.creation, snapshot.guid
