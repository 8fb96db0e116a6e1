from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.rhythm import LAST_MOMENT, Even, Scheduled, coming, median_distance
from zfspull.plan.schedule import parse_schedule
from zfspull.zfs.model import Snapshot


BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = 1_790_000_000
RHYTHMS = st.one_of(
    st.builds(Even, st.integers(1, 10**6), st.integers(EPOCH - 10**7, EPOCH + 10**7)),
    st.sampled_from(["every 90m", "@daily", "30 2 * * *", "0 9-17 * * 1-5", "0 0 29 2 *"]).map(
        lambda line: Scheduled(parse_schedule(line), BERLIN)
    ),
)


@given(rhythm=RHYTHMS, moment=st.integers(EPOCH - 10**8, EPOCH + 10**8))
def test_before_and_after_agree(rhythm, moment):
    """Looking back finds the arrival that looking forward from before it leads to, with none between."""
    before, after = rhythm.before(moment), rhythm.after(moment - 1)

    assert before < moment <= after
    assert rhythm.after(before) == after
    assert rhythm.before(after) == before


@given(rhythm=RHYTHMS)
def test_what_comes_is_in_order_and_no_more_than_asked_for(rhythm):
    """Each arrival is the next one after that before."""
    arrivals = list(coming(rhythm, EPOCH, 5))

    assert arrivals == sorted(set(arrivals))
    assert arrivals[0] == rhythm.after(EPOCH)
    assert len(arrivals) == 5


@pytest.mark.parametrize("rhythm", [Even(3600, EPOCH), Scheduled(parse_schedule("@hourly"), BERLIN)])
def test_beyond_calendars_there_is_nothing(rhythm):
    """At the end of all calendars there are no more arrivals, and no error."""
    assert rhythm.after(LAST_MOMENT) is None
    assert list(islice(coming(rhythm, LAST_MOMENT - 5_000, 9), 9)) != []
    assert rhythm.before(-(10**12)) is None


def _snapshots(*moments):
    return [Snapshot(name="s", guid=guid, createtxg=guid, creation=at) for guid, at in enumerate(moments, start=1)]


@pytest.mark.parametrize(
    ("moments", "rhythm"),
    [
        ((), None),
        ((5,), None),
        ((5, 5), None),
        ((0, 3600), Even(3600, 3600)),
        ((0, 86_400, 90_000, 93_600), Even(3600, 93_600)),
        ((0, 10**6, 2 * 10**6, 3 * 10**6, 10, 20, 30, 40, 50), Even(999_950, 3 * 10**6)),
        ((0, 10**7, *(10**7 + 60 * n for n in range(1, 6))), Even(60, 10**7 + 300)),
    ],
)
def test_the_median_distance_is_that_of_the_newest(moments, rhythm):
    """What lies further back is thinned and says nothing; two moments at least are needed."""
    assert median_distance(_snapshots(*moments)) == rhythm


def test_rhythms_say_what_they_are():
    """People are told what is assumed."""
    assert Even(5400, 0).text == "every 1h30m"
    assert Scheduled(parse_schedule("@hourly"), BERLIN).text == "@hourly"
