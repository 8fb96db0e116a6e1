import math
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zfspull.plan.prune import GUARDS
from zfspull.plan.retention import (
    NO_RULE_SET,
    Keep,
    Retention,
    RuleSet,
    decide,
)
from zfspull.plan.trust import EVIDENCE, IN_THE_FUTURE, SET_BACK, TOLERANCE_SECONDS, judge_times
from zfspull.zfs.model import Snapshot


DAY = 86_400
EPOCH = 1_790_000_000  # 2026-09-21; the days after it have a change of the clocks in most zones
UTC = ZoneInfo("UTC")
ZONES = st.sampled_from([UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))])
COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly", "within_seconds")
DOCS = Path(__file__).parents[3] / "docs" / "reference" / "retention.md"


def _snapshots(creations):
    return [
        Snapshot(
            name=("manual-" if guid % 5 == 0 else "auto-") + str(guid), guid=guid, createtxg=10 * guid, creation=at
        )
        for guid, at in enumerate(creations, start=1)
    ]


# Gaps of minutes to months, now and then backwards: clocks are set back, too.
GAPS = st.one_of(
    st.integers(0, 5_400), st.integers(0, 2 * DAY), st.integers(0, 100 * DAY), st.integers(-3 * DAY, 0)
)  # fmt: skip


@st.composite
def histories(draw, max_size=40):
    at, creations = EPOCH, []
    for gap in draw(st.lists(GAPS, max_size=max_size)):
        at += gap
        creations.append(at)
    return _snapshots(creations)


@st.composite
def keeps(draw):
    counts = {name: draw(st.integers(0, 5)) for name in COUNTS[:-1]}
    within = draw(st.sampled_from([0, 3_600, DAY, 40 * DAY]))
    matching = draw(st.sampled_from([(), ("^manual-",), ("1$", "2$")]))
    not_matching = draw(st.sampled_from([(), (), ("^auto-",), ("[0-8]$", "9$"), ("1$", "^auto-")]))
    if not any(counts.values()) and not within and not matching and not not_matching:
        counts["last"] = 1
    return Keep(**counts, within_seconds=within, matching=matching, not_matching=not_matching)


PATTERNS = ("^auto-", "^manual-", "[0-4]$", "[3-9]$")  # some names match two, some match none of those drawn
SETS = st.lists(
    st.builds(RuleSet, st.none() | keeps(), st.sampled_from(PATTERNS)),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.snapshots,
)  # fmt: skip
RETENTIONS = keeps() | SETS.map(lambda sets: Retention(tuple(sets)))


NOWS = st.integers(EPOCH - 10 * DAY, EPOCH + 900 * DAY)


@given(snapshots=histories(), keep=RETENTIONS, zone=ZONES, now=NOWS)
def test_every_snapshot_is_either_kept_or_given_up(snapshots, keep, zone, now):
    """The decision covers exactly the snapshots that there are, each once, the given up ones oldest first."""
    decision = decide(snapshots, keep, zone=zone, now=now)

    given_up = [snapshot.guid for snapshot in decision.given_up]
    assert Counter([*decision.reasons, *given_up]) == Counter(snapshot.guid for snapshot in snapshots)
    assert given_up == sorted(given_up)
    assert all(reasons for reasons in decision.reasons.values())


@given(snapshots=histories(), keep=RETENTIONS, zone=ZONES, now=NOWS, seed=st.integers())
def test_the_order_of_the_listing_does_not_matter(snapshots, keep, zone, now, seed):
    """A shuffled listing gives the same decision."""
    shuffled = random.Random(seed).sample(snapshots, len(snapshots))

    assert decide(snapshots, keep, zone=zone, now=now) == decide(shuffled, keep, zone=zone, now=now)


@given(snapshots=histories(), keep=RETENTIONS, zone=ZONES, now=NOWS)
def test_deciding_again_gives_up_nothing_more(snapshots, keep, zone, now):
    """Idempotent: of what is kept, all is kept for the same reasons."""
    first = decide(snapshots, keep, zone=zone, now=now)
    kept = [snapshot for snapshot in snapshots if snapshot.guid in first.reasons]

    again = decide(kept, keep, zone=zone, now=now)

    assert again.given_up == ()
    assert again.reasons == first.reasons


@given(snapshots=histories(), keep=keeps(), zone=ZONES, now=NOWS)
def test_rules_together_keep_what_each_keeps_alone(snapshots, keep, zone, now):
    """Keep-by-any: what several rules keep is the union of what each of them keeps."""
    alone = [
        Keep(**{name: getattr(keep, name)}) for name in (*COUNTS, "matching", "not_matching") if getattr(keep, name)
    ]

    union = set().union(*(decide(snapshots, rule, zone=zone, now=now).reasons for rule in alone))

    assert union == set(decide(snapshots, keep, zone=zone, now=now).reasons)


@given(snapshots=histories(), keep=keeps(), more=st.sampled_from(COUNTS), by=st.integers(1, DAY), zone=ZONES)
def test_a_higher_number_never_gives_up_more(snapshots, keep, more, by, zone):
    """Monotone in every count."""
    higher = replace(keep, **{more: getattr(keep, more) + by})
    now = EPOCH + 900 * DAY

    kept = set(decide(snapshots, keep, zone=zone, now=now).reasons)

    assert kept <= set(decide(snapshots, higher, zone=zone, now=now).reasons)


@given(data=st.data(), snapshots=histories(), keep=RETENTIONS, zone=ZONES)
def test_pruning_often_ends_where_pruning_once_does(data, snapshots, keep, zone):
    """However often it is pruned while snapshots arrive, the end is the same, unless a clock was set back by days."""
    assume(SET_BACK not in judge_times(snapshots, math.inf).stay.values())
    now, present = EPOCH, []
    for snapshot in snapshots:
        present.append(snapshot)
        now += data.draw(st.integers(0, 20 * DAY), label="until the next prune")
        if data.draw(st.booleans(), label="prune now"):
            kept = decide(present, keep, zone=zone, now=now).reasons
            # A guard may hold some of the others for a while: that must not matter either.
            present = [one for one in present if one.guid in kept or data.draw(st.booleans(), label="guarded")]

    assert decide(snapshots, keep, zone=zone, now=now).reasons == decide(present, keep, zone=zone, now=now).reasons


@given(snapshots=histories(), sets=SETS, at=st.data(), more=st.sampled_from(COUNTS), by=st.integers(1, DAY), zone=ZONES)
def test_a_higher_number_in_a_set_never_gives_up_more(snapshots, sets, *, at, more, by, zone):
    """Monotone in every count of every rule set."""
    number = at.draw(st.integers(0, len(sets) - 1))
    keep = sets[number].keep
    higher = None if keep is None else replace(keep, **{more: getattr(keep, more) + by})
    changed = [*sets[:number], RuleSet(higher, sets[number].snapshots), *sets[number + 1 :]]
    now = EPOCH + 900 * DAY

    kept = set(decide(snapshots, Retention(tuple(sets)), zone=zone, now=now).reasons)

    assert kept <= set(decide(snapshots, Retention(tuple(changed)), zone=zone, now=now).reasons)


@given(snapshots=histories(), sets=SETS, zone=ZONES, now=NOWS)
def test_each_set_judges_and_counts_its_own_snapshots_only(snapshots, sets, zone, now):
    """A snapshot stays if any set keeps it that judges it, as if there were no others, or if none judges it."""
    expected = {one.guid for one in snapshots if not any(a_set.judges(one.name) for a_set in sets)}
    trust = judge_times(snapshots, now)
    for a_set in sets:
        own = [one for one in trust.believed if re.search(a_set.snapshots, one.name)]
        expected |= set(decide(own, a_set.keep, zone=zone, now=now).reasons)
    # Whose time can't be believed stays, whatever set judges it: time is of the dataset and not of a set.
    expected |= set(trust.stay)

    assert set(decide(snapshots, Retention(tuple(sets)), zone=zone, now=now).reasons) == expected


def test_what_no_set_judges_stays_and_reasons_name_the_set():
    """Each reason ends with the pattern of its set; a snapshot of no set says so."""
    snapshots = [
        Snapshot(name=name, guid=guid, createtxg=guid, creation=EPOCH + guid)
        for guid, name in enumerate(("a_hourly", "b_hourly", "manual", "other"), start=1)
    ]
    keep = Retention((RuleSet(Keep(last=1), "_hourly$"), RuleSet(None, "^manual")))

    decision = decide(snapshots, keep, zone=UTC, now=EPOCH + 9)

    assert decision.given_up == (snapshots[0],)
    assert decision.reasons == {2: ("last 1/1 of _hourly$",), 3: ("all of ^manual",), 4: (NO_RULE_SET,)}


PATTERN_LISTS = st.lists(st.sampled_from(["^auto-", "1$", "[5-9]", "^x"]), min_size=1, max_size=3).map(tuple)


@given(snapshots=histories(), patterns=PATTERN_LISTS, more=PATTERN_LISTS, zone=ZONES, now=NOWS)
def test_one_more_pattern_of_not_matching_never_keeps_more(snapshots, patterns, more, zone, now):
    """Kept is what matches none: with one more pattern it is the same or less, while `matching` keeps the same or more."""

    def kept(**rules):
        decision = decide(snapshots, Keep(**rules), zone=zone, now=now)
        return {
            guid for guid, reasons in decision.reasons.items() if set(reasons) - {IN_THE_FUTURE, SET_BACK, EVIDENCE}
        }

    matched = {one.guid for one in snapshots if any(re.search(pattern, one.name) for pattern in patterns)}
    assert kept(not_matching=patterns) == {one.guid for one in snapshots} - matched
    assert kept(not_matching=patterns + more) <= kept(not_matching=patterns)
    assert kept(matching=patterns) == matched <= kept(matching=patterns + more)


@pytest.mark.slow
def test_a_year_of_hourly_pruning_ends_where_a_single_prune_does():
    """The promise in the documentation, word for word: every hour for a year, across both changes of the clocks."""
    keep, zone = Keep(last=3, hourly=48, daily=30, weekly=8, monthly=12), ZoneInfo("Europe/Berlin")
    year = _snapshots(EPOCH + 3_600 * hour for hour in range(365 * 24))
    present = []
    for snapshot in year:
        present.append(snapshot)
        kept = decide(present, keep, zone=zone, now=snapshot.creation).reasons
        present = [one for one in present if one.guid in kept]

    once = decide(year, keep, zone=zone, now=year[-1].creation).reasons
    assert present == [one for one in year if one.guid in once]
    assert len(present) == 48 + 27 + 3 + 10  # the newest of a day is often that of a week or month, too


@given(snapshots=histories(), zone=ZONES, now=NOWS)
def test_without_keep_everything_stays(snapshots, zone, now):
    """No keep rules keep everything."""
    assert decide(snapshots, None, zone=zone, now=now).given_up == ()


@given(past=histories(), keep=RETENTIONS, ahead=st.lists(st.integers(DAY + 1, 2**64), max_size=10), zone=ZONES)
def test_snapshots_from_the_future_push_out_nothing(past, keep, ahead, zone):
    """A clock in another year, even one beyond all calendars, takes nothing from what the rules kept, and stays."""
    now = max((one.creation for one in past), default=EPOCH)
    future = _snapshots([0] * len(past) + [now + seconds for seconds in ahead])[len(past) :]

    before = decide(past, keep, zone=zone, now=now)
    after = decide([*past, *future], keep, zone=zone, now=now)

    assert after.given_up == before.given_up
    assert all(IN_THE_FUTURE in after.reasons[one.guid] for one in future)


def test_a_clock_a_little_ahead_is_believed():
    """Up to a day ahead counts like any other: two clocks never agree."""
    one, other = _snapshots([EPOCH, EPOCH + TOLERANCE_SECONDS])

    assert decide([one, other], Keep(last=1), zone=UTC, now=EPOCH).given_up == (one,)


def test_within_is_measured_from_the_clock_when_the_newest_snapshot_is_ahead_of_it():
    """A snapshot that is half a day ahead does not shorten what `within` keeps."""
    one, other = _snapshots([EPOCH - DAY, EPOCH + DAY // 2])

    assert decide([one, other], Keep(within_seconds=DAY), zone=UTC, now=EPOCH).given_up == ()


def test_a_tie_in_createtxg_is_settled():
    """Should two snapshots share a transaction group, the later creation is the newer one, whatever the listing."""
    older = Snapshot(name="a", guid=9, createtxg=5, creation=EPOCH)
    newer = Snapshot(name="b", guid=1, createtxg=5, creation=EPOCH + 1)

    for listing in ([older, newer], [newer, older]):
        assert decide(listing, Keep(last=1), zone=UTC, now=EPOCH + 9).given_up == (older,)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({}, "no rule"),
        ({"daily": -1}, "daily is -1"),
        ({"last": 1, "within_seconds": -5}, "within_seconds is -5"),
        ({"matching": ("(",)}, "no regular expression"),
        ({"not_matching": ("(",)}, "not_matching '\\(' is no regular expression"),
    ],
)
def test_rules_that_can_not_be_meant_are_refused(rules, says):
    """No rule at all, a negative number or a broken pattern is an error, and never a reason to destroy."""
    with pytest.raises(ValueError, match=says):
        Keep(**rules)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Retention(()), "no rule set"),
        (lambda: Retention((RuleSet(None, "a"), RuleSet(Keep(last=1), "a"))), "two rule sets are for 'a'"),
        (lambda: Retention((RuleSet(None), RuleSet(Keep(last=1)))), "two rule sets are for 'all snapshots'"),
        (lambda: RuleSet(None, "("), "snapshots '\\(' is no regular expression"),
    ],
)
def test_rule_sets_that_can_not_be_meant_are_refused(make, says):
    """No set, two for the same names, or a broken pattern is an error, and never a reason to destroy."""
    with pytest.raises(ValueError, match=says):
        make()


# The documentation's calendars.

UNITS = {"d": DAY, "h": 3_600}
CALENDARS = re.findall(r"^```retention\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def _seconds(text):
    return int(datetime.strptime(text.strip(), "%Y-%m-%d %H:%M %z").timestamp())


def _retention(text):
    """`last 2, daily 3`, or sets as in `[_hourly$] hourly 2; [^manual] all`."""
    if not text.startswith("["):
        return _keep(text)
    sets = []
    for part in text.split("; "):
        pattern, rules = re.fullmatch(r"\[(.+)\] (.+)", part).groups()
        sets.append(RuleSet(None if rules == "all" else _keep(rules), pattern))
    return Retention(tuple(sets))


def _keep(text):
    rules = {}
    for rule in text.split(", "):
        name, value = rule.split(" ")
        if name == "within":
            rules["within_seconds"] = int(value[:-1]) * UNITS[value[-1]]
        else:
            rules[name] = (*rules.get(name, ()), value) if name.endswith("matching") else int(value)
    return Keep(**rules)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_calendars_of_the_documentation(calendar):
    """Each worked calendar in docs/reference/retention.md comes out as it is printed there."""
    lines = calendar.splitlines()
    settings = dict(line.split(": ", 1) for line in lines[:3])
    snapshots, printed = [], {}
    for guid, line in enumerate(lines[3:], start=1):
        left, outcome = line.split(" | ")
        when, _, name = left.partition("@")
        snapshots.append(Snapshot(name=name or f"s{guid}", guid=guid, createtxg=guid, creation=_seconds(when)))
        printed[guid] = outcome

    decision = decide(
        snapshots, _retention(settings["keep"]), zone=ZoneInfo(settings["zone"]), now=_seconds(settings["now"])
    )

    assert printed == {one.guid: "; ".join(decision.reasons.get(one.guid, ("gone",))) for one in snapshots}


def test_the_documentation_has_calendars_and_all_guards():
    """The manual's calendars were found, and its table names the guards that there are, in their order."""
    table = DOCS.read_text().partition("## Guards")[2].partition("\n## ")[0]

    assert len(CALENDARS) >= 11
    assert [name for name, _ in GUARDS] == re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
