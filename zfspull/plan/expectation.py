"""What is assumed to arrive from now on, for each rule set of a job: the ground that forecasts stand on.

An assumption is always told together with what follows from it, and why it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import merge
from itertools import takewhile

from zfspull.plan.keep import Retention, RuleSet
from zfspull.plan.rhythm import Rhythm, coming, median_distance
from zfspull.plan.trust import judge_times
from zfspull.zfs.model import Snapshot


class Ground(StrEnum):
    """Why something is assumed."""

    SCHEDULE = "schedule"
    """The job takes a snapshot whenever it runs."""
    MEDIAN = "median"
    """The median distance of the newest snapshots that the set judges."""
    SIMULATION = "simulation"
    """Somebody said so."""
    NOTHING = "nothing"
    """There are too few snapshots to assume anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """When a job takes snapshots, and a name such as it gives them."""

    rhythm: Rhythm
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is assumed to arrive for one rule set.

    Attributes:
        rules: the set.
        rhythm: when a snapshot arrives that the set judges; None if nothing is assumed to.
        ground: why.
        name: such as what arrives will have; "" where nothing is known of it.
        like: the newest snapshot that the set judges, None where there is none.
    """

    rules: RuleSet
    rhythm: Rhythm | None
    ground: Ground
    name: str = ""
    like: Snapshot | None = None

    @property
    def kept_for_ever(self) -> bool:
        """Whether the set keeps all that arrives for ever."""
        return self.rules.keep is None or (bool(self.name) and self.rules.keeps_for_ever(self.name))


def expect(
    snapshots: Sequence[Snapshot], retention: Retention, *, taking: Taking | None, now: float
) -> tuple[Expected, ...]:
    """What is assumed to arrive for each rule set.

    Args:
        snapshots: of one dataset.
        retention: the job's rule sets.
        taking: what the job takes by itself, None for nothing: others take the snapshots then.
        now: seconds since the epoch; what lies in the future, or is dated back, says nothing about the rhythm.
    """
    believed = judge_times(snapshots, now).believed
    return tuple(_expect_one(believed, one, taking) for one in retention.sets)


def _expect_one(believed: Sequence[Snapshot], one: RuleSet, taking: Taking | None) -> Expected:
    judged = [snapshot for snapshot in believed if one.judges(snapshot.name)]
    like = judged[-1] if judged else None
    if taking is not None and one.judges(taking.name):
        return Expected(rules=one, rhythm=taking.rhythm, ground=Ground.SCHEDULE, name=taking.name, like=like)
    rhythm = median_distance(judged)
    ground = Ground.MEDIAN if rhythm else Ground.NOTHING
    return Expected(rules=one, rhythm=rhythm, ground=ground, name=like.name if like else "", like=like)


def is_made_up(snapshot: Snapshot) -> bool:
    """Whether it was added by `grow`; ZFS gives no such guid."""
    return snapshot.guid < 0


def grow(
    snapshots: Sequence[Snapshot], expected: Sequence[Expected], *, now: float, until: float, most: int
) -> tuple[Snapshot, ...]:
    """The snapshots of one dataset with what is assumed to arrive later than `now` and not later than `until`.

    Each is named like the newest one that its set judges, so that the rules take it for one of those. Sets with the
    same newest snapshot are taken to wait for the same arrivals.

    Raises:
        ValueError: that is more than `most`.
    """
    likes = {one.like.guid: one for one in reversed(expected) if one.like is not None and one.rhythm is not None}
    series = [
        [(moment, guid) for moment in takewhile(lambda moment: moment <= until, coming(one.rhythm, now, most + 1))]
        for guid, one in likes.items()
        if one.rhythm is not None
    ]
    arrivals = list(merge(*series))
    if len(arrivals) > most:
        raise ValueError(f"more than {most} snapshots would arrive until then")
    by_guid = {snapshot.guid: snapshot for snapshot in snapshots}
    txg = max((snapshot.createtxg for snapshot in snapshots), default=0)
    made_up = (
        replace(by_guid[guid], guid=-number, createtxg=txg + number, creation=moment, holds=0, clones=())
        for number, (moment, guid) in enumerate(arrivals, start=1)
    )
    return (*snapshots, *made_up)
