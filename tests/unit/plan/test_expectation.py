from zoneinfo import ZoneInfo

import pytest

from zfspull.plan.expectation import Ground, Taking, expect, grow, is_made_up
from zfspull.plan.keep import Keep, Retention, RuleSet, as_retention
from zfspull.plan.rhythm import Even, Scheduled
from zfspull.plan.schedule import parse_schedule
from zfspull.zfs.model import Snapshot


HOUR = 3600
NOW = 1_790_000_000
TAKING = Taking(rhythm=Scheduled(parse_schedule("@daily"), ZoneInfo("UTC")), name="zfspull_x")


def _listing(*names, every=HOUR):
    return [
        Snapshot(name=name, guid=guid, createtxg=guid, creation=NOW - every * (len(names) - guid), holds=1)
        for guid, name in enumerate(names, start=1)
    ]


def test_what_the_job_takes_comes_at_its_schedule():
    """The schedule speaks for the sets that judge the job's own snapshots, the listing for the others."""
    sets = Retention((RuleSet(Keep(last=1), "^zfspull_"), RuleSet(Keep(last=1), "^auto"), RuleSet(None, "^manual")))

    own, auto, manual = expect(_listing("auto1", "zfspull_y", "auto2", "manual"), sets, taking=TAKING, now=NOW)

    assert (own.ground, own.rhythm) == (Ground.SCHEDULE, TAKING.rhythm)
    assert (auto.ground, auto.rhythm, auto.name) == (Ground.MEDIAN, Even(2 * HOUR, NOW - HOUR), "auto2")
    assert (manual.ground, manual.rhythm) == (Ground.NOTHING, None)
    assert [one.kept_for_ever for one in (own, auto, manual)] == [False, False, True]


def test_a_clock_in_another_year_says_nothing_about_the_rhythm():
    """Snapshots from the future are left out of the median."""
    listing = [*_listing("a", "b"), Snapshot(name="c", guid=9, createtxg=9, creation=NOW + 400 * 24 * HOUR)]

    (one,) = expect(listing, as_retention(Keep(last=1)), taking=None, now=NOW)

    assert one.rhythm == Even(HOUR, NOW)


def test_a_listing_grows_by_what_is_expected():
    """What arrives is named like the newest of its set, comes after all that is there, and has no guard."""
    listing = _listing("auto1", "auto2")
    expected = expect(listing, as_retention(Keep(last=1)), taking=None, now=NOW)

    grown = grow(listing, expected, now=NOW, until=NOW + 2 * HOUR, most=2)

    assert grown[:2] == tuple(listing)
    assert [(one.name, one.creation, one.createtxg, one.holds) for one in grown[2:]] == [
        ("auto2", NOW + HOUR, 3, 0),
        ("auto2", NOW + 2 * HOUR, 4, 0),
    ]
    assert [is_made_up(one) for one in grown] == [False, False, True, True]


def test_sets_that_wait_for_the_same_snapshots_count_them_once():
    """Where patterns overlap, an arrival is not there twice."""
    listing = _listing("auto1", "auto2")
    sets = Retention((RuleSet(Keep(last=1), "^auto"), RuleSet(Keep(daily=1), "o[12]"), RuleSet(Keep(last=1), "^x")))

    grown = grow(listing, expect(listing, sets, taking=None, now=NOW), now=NOW, until=NOW + 3 * HOUR, most=9)

    assert len(grown) == 5


def test_the_past_and_an_empty_set_bring_nothing():
    """A moment that is gone, or nothing to go by, adds nothing."""
    listing = _listing("auto1", "auto2")

    assert grow(listing, expect(listing, as_retention(None), taking=None, now=NOW), now=NOW, until=NOW, most=9) == (
        *listing,
    )
    assert grow([], expect([], as_retention(None), taking=TAKING, now=NOW), now=NOW, until=NOW + 10**7, most=9) == ()


def test_too_much_is_refused():
    """Nobody reads a listing of millions, and no memory need hold it."""
    listing = _listing("a", "b")

    with pytest.raises(ValueError, match="more than 5 snapshots"):
        grow(listing, expect(listing, as_retention(None), taking=None, now=NOW), now=NOW, until=NOW + 9 * HOUR, most=5)
