"""Whose time is believed: nobody who sets a clock makes retention give up what is good."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan.test_retention import DAY, EPOCH, RETENTIONS, UTC, ZONES, histories
from zfspull.plan.retention import Keep, decide
from zfspull.plan.trust import EVIDENCE, IN_THE_FUTURE, SET_BACK, TOLERANCE_SECONDS, judge_times
from zfspull.zfs.model import Snapshot


def snapshots(*creations):
    """Snapshots that arrived in this order, with guids from 1."""
    return [
        Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=creation)
        for guid, creation in enumerate(creations, start=1)
    ]


def test_what_is_dated_back_stays_and_so_does_what_gave_it_away():
    """A snapshot from before an earlier one counts for nothing; both are kept, with the reason."""
    good, forged, new = snapshots(EPOCH + 9 * DAY, EPOCH, EPOCH + 10 * DAY)

    trust = judge_times([new, good, forged], now=EPOCH + 10 * DAY)

    assert trust.believed == (good, new)
    assert dict(trust.stay) == {good.guid: EVIDENCE, forged.guid: SET_BACK}


def test_up_to_a_day_back_is_believed():
    """A mistaken time zone, mended, is no forgery."""
    one, other = snapshots(EPOCH + TOLERANCE_SECONDS, EPOCH)

    assert judge_times([one, other], now=EPOCH).stay == {}


def test_what_lies_in_the_future_gives_nothing_away():
    """A clock that was years ahead for a moment puts nothing into doubt that came after it was set right."""
    ahead, after = snapshots(EPOCH + 900 * DAY, EPOCH)

    trust = judge_times([ahead, after], now=EPOCH)

    assert trust.believed == (after,)
    assert dict(trust.stay) == {ahead.guid: IN_THE_FUTURE}


@given(past=histories(), now=st.integers(EPOCH - 10 * DAY, EPOCH + 900 * DAY))
def test_each_snapshot_is_believed_or_stays(past, now):
    """Nothing is left out: what is not believed has a reason to stay."""
    trust = judge_times(past, now)

    assert {one.guid for one in trust.believed} | set(trust.stay) == {one.guid for one in past}
    doubted = {guid for guid, reason in trust.stay.items() if reason != EVIDENCE}
    assert doubted.isdisjoint(one.guid for one in trust.believed)


DEEDS = st.lists(
    st.tuples(st.sampled_from(["snapshot", "forge", "prune", "forge and prune"]), st.integers(0, 400 * DAY)),
    max_size=40,
)


@given(deeds=DEEDS, keep=RETENTIONS, zone=ZONES)
def test_forging_the_past_costs_no_snapshot(deeds, keep, zone):
    """Whoever takes snapshots with a clock set back, however many and when, costs none that is kept without them."""
    now = EPOCH
    alone: list[Snapshot] = []
    beside: list[Snapshot] = []
    for number, (deed, seconds) in enumerate(deeds, start=1):
        name = f"{'manual' if number % 5 == 0 else 'auto'}-{number}"
        if deed == "snapshot":
            now += seconds % (3 * DAY)
            taken = Snapshot(name=name, guid=number, createtxg=number, creation=now)
            alone.append(taken)
            beside.append(taken)
        elif "forge" in deed and alone:
            back = now - TOLERANCE_SECONDS - 1 - seconds
            beside.append(Snapshot(name=name, guid=number, createtxg=number, creation=back))
        if "prune" in deed:
            alone, beside = (_pruned(one, keep, zone=zone, now=now) for one in (alone, beside))

    assert {one.guid for one in alone} <= {one.guid for one in beside}


def _pruned(present, keep, *, zone, now):
    kept = decide(present, keep, zone=zone, now=now).reasons
    return [one for one in present if one.guid in kept]


def test_a_forged_copy_of_each_period_displaces_none():
    """For each of a month of dailies one dated a second later, all at once: none of the good ones goes.

    But for one of the last day: it could have been displaced a day ago with a clock that was right.
    """
    good = snapshots(*(EPOCH + day * DAY for day in range(30)))
    forged = [
        replace(one, name=f"evil{one.guid}", guid=100 + one.guid, createtxg=100 + one.guid, creation=one.creation + 1)
        for one in good
    ]

    decision = decide([*good, *forged], Keep(last=1, daily=30), zone=UTC, now=EPOCH + 30 * DAY)

    assert decision.given_up == (good[-2],)
