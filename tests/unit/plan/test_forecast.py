"""Forecasts against the naive simulation: snapshots arrive one by one, and it is pruned at each arrival."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.expectation import Expected, Ground
from zfspull.plan.forecast import FORECASTS, foresee
from zfspull.plan.keep import Keep, Retention, RuleSet
from zfspull.plan.retention import RULES, decide
from zfspull.plan.rhythm import Even, Scheduled, coming
from zfspull.plan.schedule import parse_schedule
from zfspull.plan.steady import steady_arrivals
from zfspull.zfs.model import Snapshot


HOUR, DAY = 3_600, 86_400
EPOCH = 1_790_000_000
STEPS = 60
ZONES = st.sampled_from([*map(ZoneInfo, ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))])
COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def expected(keep, rhythm, pattern=None):
    return Expected(rules=RuleSet(keep, pattern), rhythm=rhythm, ground=Ground.SIMULATION, name="x")


@st.composite
def keeps(draw):
    counts = {name: draw(st.integers(0, 5)) for name in COUNTS}
    within = draw(st.sampled_from([0, HOUR, DAY, 40 * DAY]))
    matching = draw(st.sampled_from([(), ("7$",)]))
    if not any(counts.values()) and not within and not matching:
        counts["last"] = 1
    return Keep(**counts, within_seconds=within, matching=matching)


@st.composite
def rhythms(draw, zone):
    if draw(st.booleans()):
        line = draw(st.sampled_from(["0 */6 * * *", "30 2 * * *", "*/20 9-17 * * 1-5", "@monthly", "every 90m"]))
        return Scheduled(parse_schedule(line), zone)
    distance = draw(st.sampled_from([600, HOUR, 5 * HOUR, DAY, 9 * DAY, 40 * DAY]))
    return Even(distance, EPOCH + draw(st.integers(0, 10 * DAY)))


@st.composite
def histories(draw, *, prefix=""):
    gaps = st.one_of(
        st.integers(1, 5_400), st.integers(1, 2 * DAY), st.integers(1, 100 * DAY), st.integers(-3 * DAY, 0)
    )
    at, found = EPOCH, []
    for guid, gap in enumerate(draw(st.lists(gaps, max_size=15)), start=1):
        at += gap
        found.append(Snapshot(name=f"{prefix}{guid}", guid=guid, createtxg=guid, creation=at))
    return found


def step_through(snapshots, retention, arrivals, *, zone, now):
    """When each went; and the last moment that was looked at. `arrivals` are moments and names."""
    present = [one for one in snapshots if one.guid in decide(snapshots, retention, zone=zone, now=now).reasons]
    went, last = {}, now
    for number, (last, name) in enumerate(arrivals, start=1000):
        present.append(Snapshot(name=name, guid=number, createtxg=number, creation=last))
        kept = decide(present, retention, zone=zone, now=last).reasons
        went |= {one.guid: last for one in present if one.guid < 1000 and one.guid not in kept}
        present = [one for one in present if one.guid in kept]
    return went, last


@given(data=st.data(), snapshots=histories(), keep=keeps(), zone=ZONES, ahead=st.integers(-DAY, 3 * DAY))
def test_forecasts_are_what_stepping_through_the_arrivals_comes_to(data, snapshots, keep, zone, ahead):
    """Each snapshot is foretold to go at the very arrival at which pruning at every arrival gives it up."""
    rhythm = data.draw(rhythms(zone))
    now = max((one.creation for one in snapshots), default=EPOCH) + ahead
    arrivals = [(moment, "new") for moment in coming(rhythm, now, STEPS)]

    went, last = step_through(snapshots, keep, arrivals, zone=zone, now=now)
    foretold = foresee(snapshots, [expected(keep, rhythm)], zone=zone, now=now)

    assert {guid: moment for guid, moment in foretold.items() if moment <= last} == went


@given(data=st.data(), a=histories(prefix="a"), b=histories(prefix="b"), keep=st.tuples(keeps(), keeps()), zone=ZONES)
def test_forecasts_of_sets_are_what_stepping_through_comes_to(data, a, b, keep, zone):
    """With two sets whose snapshots arrive at rhythms of their own, each set foretells for its own."""
    others = [replace(one, guid=one.guid + 100, createtxg=one.createtxg + 100) for one in b]
    retention = Retention((RuleSet(keep[0], "^a"), RuleSet(keep[1], "^b")))
    now = max((one.creation for one in a + b), default=EPOCH)
    sets = [expected(keep[0], data.draw(rhythms(zone)), "^a"), expected(keep[1], data.draw(rhythms(zone)), "^b")]
    series = [
        [(moment, name) for moment in coming(one.rhythm, now, STEPS)] for one, name in zip(sets, "ab", strict=True)
    ]
    until = min((found[-1][0] for found in series if found), default=now)
    arrivals = sorted(arrival for found in series for arrival in found if arrival[0] <= until)

    went, last = step_through(a + others, retention, arrivals, zone=zone, now=now)
    foretold = foresee(a + others, sets, zone=zone, now=now)

    assert {guid: moment for guid, moment in foretold.items() if moment <= last} == went


@given(snapshots=histories(), keep=keeps(), other=keeps(), zone=ZONES, distance=st.sampled_from([HOUR, DAY]))
def test_of_two_sets_that_judge_one_snapshot_the_later_counts(snapshots, keep, other, zone, distance):
    """Where patterns overlap, a snapshot goes when the last set has let go of it."""
    now = max((one.creation for one in snapshots), default=EPOCH)
    rhythm = Even(distance, now)
    arrivals = [(moment, "1") for moment in coming(rhythm, now, STEPS)]
    retention = Retention((RuleSet(keep, "."), RuleSet(other, "[0-4]$")))

    went, last = step_through(snapshots, retention, arrivals, zone=zone, now=now)
    foretold = foresee(snapshots, [expected(keep, rhythm, "."), expected(other, rhythm, "[0-4]$")], zone=zone, now=now)

    assert {guid: moment for guid, moment in foretold.items() if moment <= last} == went


@given(snapshots=histories(), keep=keeps(), zone=ZONES)
def test_without_arrivals_nothing_is_foretold(snapshots, keep, zone):
    """Rules give up only what something newer has pushed out."""
    assert foresee(snapshots, [expected(keep, None)], zone=zone, now=EPOCH + 900 * DAY) == {}


def test_what_is_kept_for_ever_is_not_foretold():
    """Names, a set that keeps all, and no set at all: none of them ends."""
    snapshots = [
        Snapshot(name=name, guid=guid, createtxg=guid, creation=EPOCH + guid)
        for guid, name in enumerate(("keep-me", "manual", "other", "auto"), start=1)
    ]
    rhythm = Even(HOUR, EPOCH)
    sets = [expected(Keep(last=9, matching=("^keep",)), rhythm, "keep|auto"), expected(None, rhythm, "^manual")]

    assert foresee(snapshots, sets, zone=ZoneInfo("UTC"), now=EPOCH + 9) == {4: EPOCH + 9 * HOUR}


def test_a_count_beyond_all_calendars_is_not_foreseen():
    """A number that nobody lives to see makes no error and no wait."""
    snapshots = [Snapshot(name="a", guid=1, createtxg=1, creation=EPOCH)]
    keep = Keep(yearly=1_000_000)

    assert foresee(snapshots, [expected(keep, Even(400 * DAY, EPOCH))], zone=ZoneInfo("UTC"), now=EPOCH) == {}


def test_every_rule_has_its_forecast():
    """A rule that forecasts do not know would make them wrong."""
    assert [rule.__name__ for rule in RULES] == [forecast.__name__ for forecast in FORECASTS]


@given(keep=keeps(), zone=ZONES, distance=st.sampled_from([3 * HOUR, DAY, 8 * DAY]), past=st.integers(0, DAY))
def test_the_long_run_is_what_a_long_history_comes_to(keep, zone, distance, past):
    """Of a listing that goes back far enough for every rule, as many are kept as the steady state says."""
    # A rule at least, and none that looks back further than the listing goes.
    fitting = {"yearly": min(keep.yearly, 1), "monthly": min(keep.monthly, 3), "last": keep.last + 1}
    keep = replace(keep, **fitting, matching=())
    rhythm = Even(distance, EPOCH)
    now = EPOCH + past
    moments = range(EPOCH - distance * (400 * DAY // distance), now + 1, distance)
    listing = [Snapshot(name="s", guid=guid, createtxg=guid, creation=at) for guid, at in enumerate(moments, start=1)]

    kept = decide(listing, keep, zone=zone, now=now).reasons

    assert steady_arrivals(expected(keep, rhythm), zone=zone, now=now) == {listing[guid - 1].creation for guid in kept}


@pytest.mark.parametrize("keep", [Keep(last=20_001), Keep(daily=20_001), Keep(within_seconds=21_000 * 60)])
def test_a_steady_state_beyond_counting_is_not_told(keep):
    """More than some thousand arrivals are not counted one by one."""
    assert steady_arrivals(expected(keep, Even(60, EPOCH)), zone=ZoneInfo("UTC"), now=EPOCH) is None
