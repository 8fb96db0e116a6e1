"""What becomes of each snapshot, and when, as JSON: the documented shape, which the pictures are drawn from too.

Pure. The rules and guards have spoken already; here their word is put together with the forecast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from zfspull.plan.expectation import Expected, is_made_up
from zfspull.plan.forecast import foresee
from zfspull.plan.keep import Retention
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steady import steady_arrivals
from zfspull.plan.trust import in_order
from zfspull.zfs.model import Snapshot


Shape = dict[str, Any]

_GUARD = "guard: "
_PASSING = frozenset({"guard: base", "guard: newest"})
"""Guards that move on to a newer snapshot when one arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One dataset, or one simulated rule set, with the word of rules and guards.

    Attributes:
        prune: which snapshots go, which stay, and why.
        rules: by guid, the word of the keep rules alone: the other reasons are those of guards and of a mirror.
        retention: the rule sets that were asked, None where a mirror decides alone.
        expected: what is assumed to arrive for each.
        pattern: of the rule set that was simulated alone, None for all sets.
        passing: further guards that do not last, such as those of a source that is out of reach.
    """

    prune: DatasetPrune
    rules: Mapping[int, tuple[str, ...]]
    retention: Retention | None
    expected: tuple[Expected, ...]
    pattern: str | None = None
    passing: frozenset[str] = frozenset()


def judged_shape(judged: Judged, *, zone: ZoneInfo, at: float) -> Shape:
    """What becomes of the snapshots of one dataset, judged at that moment."""
    stay, destroy = judged.prune.stay, judged.prune.destroy
    by_rules = [snapshot for snapshot in stay if snapshot.guid in judged.rules]
    leaves = foresee(by_rules, judged.expected, zone=zone, now=at)
    going = {"fate": "go", "reasons": [], "goes": "now", "goes_at": at}
    shapes = {snapshot.guid: {**_snapshot(snapshot), **going} for snapshot in destroy}
    shapes |= {snapshot.guid: _kept_shape(judged, snapshot, leaves, at) for snapshot in stay}
    # Not by creation: several may be of the same second, and clocks are set back.
    snapshots = [shapes[snapshot.guid] for snapshot in in_order((*stay, *destroy))]
    return {
        "dataset": judged.prune.dataset,
        "set": judged.pattern,
        "assumed": [_assumed(one) for one in judged.expected],
        "snapshots": snapshots,
        "days": list(_days(snapshots, zone)),
        "totals": {
            "snapshots": len(snapshots),
            "kept": sum(snapshot["fate"] == "keep" for snapshot in snapshots),
            "guarded": sum(snapshot["fate"] == "guarded" for snapshot in snapshots),
            "going": len(destroy),
            "steady": _steady(judged, by_rules, leaves, zone=zone, at=at),
            "grows": any(one.kept_for_ever for one in judged.expected if one.rhythm is not None),
        },
    }


def _kept_shape(judged: Judged, snapshot: Snapshot, leaves: Mapping[int, float], at: float) -> Shape:
    reasons, rules = judged.prune.kept[snapshot.guid], judged.rules.get(snapshot.guid, ())
    passing = _PASSING | judged.passing
    goes_at = leaves.get(snapshot.guid) if rules else None
    if rules and _for_ever(judged.retention, snapshot):
        goes = "never"
    elif any(reason not in passing for reason in reasons if reason not in rules):
        goes = "held"
    else:
        goes_at = goes_at if rules else _next_arrival(judged.expected, at)
        goes = "unforeseen" if goes_at is None else "at"
    fate = "guarded" if all(reason.startswith(_GUARD) for reason in reasons) else "keep"
    return {**_snapshot(snapshot), "fate": fate, "reasons": list(reasons), "goes": goes, "goes_at": goes_at}


def _for_ever(retention: Retention | None, snapshot: Snapshot) -> bool:
    mine = [one for one in retention.sets if one.judges(snapshot.name)] if retention else []
    return not mine or any(one.keeps_for_ever(snapshot.name) for one in mine)


def _next_arrival(expected: Sequence[Expected], at: float) -> float | None:
    moments = [one.rhythm.after(at) for one in expected if one.rhythm is not None]
    return min((moment for moment in moments if moment is not None), default=None)


def _snapshot(snapshot: Snapshot) -> Shape:
    # A guid has 64 bits; as a JSON number most readers would round it.
    return {
        "name": snapshot.name,
        "guid": None if is_made_up(snapshot) else str(snapshot.guid),
        "created_at": snapshot.creation,
    }


def _assumed(one: Expected) -> Shape:
    return {
        "set": one.rules.snapshots,
        "ground": one.ground.value,
        "rhythm": one.rhythm.text if one.rhythm else None,
    }


def _days(snapshots: Sequence[Shape], zone: ZoneInfo) -> Iterator[Shape]:
    total, kept = Counter[str](), Counter[str]()
    for snapshot in snapshots:
        try:
            day = datetime.fromtimestamp(snapshot["created_at"], zone).strftime("%Y-%m-%d")
        except (ValueError, OverflowError, OSError):
            continue  # a clock beyond all calendars
        total[day] += 1
        kept[day] += snapshot["fate"] != "go"
    for day in sorted(total):
        yield {"day": day, "kept": kept[day], "total": total[day]}


def _steady(
    judged: Judged, by_rules: Sequence[Snapshot], leaves: Mapping[int, float], *, zone: ZoneInfo, at: float
) -> int | None:
    """How many the rules keep in the long run: of what goes on arriving, and what they never give up of the present."""
    if judged.retention is None:
        return None
    # Sets that wait for the same snapshots keep some of them together.
    arrivals = set[tuple[str, int]]()
    for one in judged.expected:
        moments = steady_arrivals(one, zone=zone, now=at)
        if moments is None:
            return None
        arrivals.update((one.name, moment) for moment in moments)
    return len(arrivals) + sum(snapshot.guid not in leaves for snapshot in by_rules)
