"""Little room and the day on which there is none: what is foretold, and above all what is not."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from zfspull.plan.space import (
    BUCKET_SECONDS,
    DAY_SECONDS,
    HORIZON_SECONDS,
    MIN_BUCKETS,
    LowSpace,
    Sample,
    growth,
    seconds_until_full,
)
from zfspull.zfs.model import Space


NOW = 1_795_257_600.0
GIB = 1 << 30

rates = st.integers(1, 10**8)
counts = st.integers(MIN_BUCKETS, 60)


def straight(count, rate, *, step=BUCKET_SECONDS, start=100 * GIB):
    """Samples of a pool that fills evenly."""
    return [Sample(NOW + number * step, int(start + rate * step * number)) for number in range(count)]


@given(count=counts, rate=rates, order=st.randoms())
def test_even_growth_is_foretold_to_the_second(count, rate, order):
    """A pool that fills evenly is full when arithmetic says so, in whatever order the samples come."""
    samples = straight(count, rate)
    order.shuffle(samples)
    available = rate * 1000

    found = seconds_until_full(samples, available)

    assert found == pytest.approx(1000, rel=0.01)


@given(st.lists(st.integers(0, 2**50), max_size=40), st.integers(0, 2**50))
def test_a_pool_that_does_not_grow_is_never_full(sizes, available):
    """Whatever shrinks or stands still gets no date, however little is left; only nothing at all is full now."""
    samples = [Sample(NOW + number * BUCKET_SECONDS, used) for number, used in enumerate(sorted(sizes, reverse=True))]

    assert seconds_until_full(samples, available) == (None if available else 0.0)


@given(count=st.integers(0, MIN_BUCKETS - 1), rate=rates)
def test_a_few_samples_foretell_nothing(count, rate):
    """A restart after a first backup must not foresee a full pool: it takes some moments."""
    assert growth(straight(count, rate, step=DAY_SECONDS)) is None


@given(count=st.integers(1, 200), rate=rates)
def test_less_than_a_day_foretells_nothing(count, rate):
    """However often one looks, less than a day is no trend: nights differ from days."""
    samples = straight(count, rate, step=(DAY_SECONDS - 1) / 200)

    assert growth(samples) is None


@given(samples=st.lists(st.tuples(st.floats(0, 60 * DAY_SECONDS), st.integers(0, 2**50)), max_size=30))
@example([])
def test_what_is_foretold_lies_ahead_and_in_sight(samples):
    """Any history is taken, and a date, where there is one, is neither past nor beyond the horizon."""
    found = seconds_until_full([Sample(NOW + at, used) for at, used in samples], GIB)

    assert found is None or 0 <= found <= HORIZON_SECONDS


@given(count=st.integers(20, 60), rate=st.integers(10**4, 10**8), data=st.data())
def test_outliers_bend_nothing(count, rate, data):
    """A tenth of the samples may be anything: the forecast stays near."""
    samples = straight(count, rate)
    for place in data.draw(st.lists(st.integers(0, count - 1), max_size=count // 10, unique=True)):
        samples[place] = Sample(samples[place].at, data.draw(st.integers(0, 2**50)))

    assert growth(samples) == pytest.approx(rate, rel=0.5)


@given(count=counts, rate=rates, shift=st.integers(-(10**9), 10**9), more=st.integers(0, 2**50))
def test_neither_the_epoch_nor_the_fill_matters(count, rate, shift, more):
    """The same growth at another time, in a fuller pool, is the same growth."""
    samples = straight(count, rate)
    moved = [Sample(sample.at + shift, sample.used_bytes + more) for sample in samples]

    assert growth(moved) == pytest.approx(growth(samples), rel=1e-6)


@given(count=counts, rate=rates, times=st.integers(2, 20))
def test_looking_more_often_changes_little(count, rate, times):
    """Ten samples in an hour weigh no more than one."""
    samples = straight(count, rate)
    again = [Sample(sample.at + number, sample.used_bytes) for sample in samples for number in range(times)]

    assert growth(again) == pytest.approx(growth(samples), rel=0.01)


@given(count=counts, rate=rates, available=st.integers(1, 2**50), less=st.integers(0, 2**50))
def test_less_room_is_full_no_later(count, rate, available, less):
    """Monotone in what is available."""
    samples = straight(count, rate)
    sooner, later = sorted([available, max(0, available - less)])
    at_all = seconds_until_full(samples, later)
    assume(at_all is not None)

    assert seconds_until_full(samples, sooner) <= at_all


def test_a_saw_that_goes_nowhere_is_no_trend():
    """A backup at night that retention takes away again in the morning fills nothing."""
    samples = [
        Sample(NOW + day * DAY_SECONDS + hour * 3600, 100 * GIB + hour % 12 * GIB)
        for day in range(14)
        for hour in range(24)
    ]

    assert seconds_until_full(samples, GIB) is None


def test_a_saw_that_rises_is_a_trend():
    """10 GiB arrive each night and 9 go in the morning: 1 GiB a day, so 28 GiB last for about four weeks."""
    samples = [
        Sample(NOW + day * DAY_SECONDS + hour * 3600, (100 + day + (9 if hour < 8 else 0)) * GIB)
        for day in range(28)
        for hour in range(24)
    ]

    assert seconds_until_full(samples, 28 * GIB) == pytest.approx(28 * DAY_SECONDS, rel=0.1)


def test_old_times_do_not_count():
    """What a pool did before the last month is not what it does now."""
    old = straight(40, 10**7)
    now = [Sample(NOW + 100 * DAY_SECONDS + number * BUCKET_SECONDS, 100 * GIB) for number in range(40)]

    assert growth([*old, *now]) is None


@pytest.mark.parametrize(
    ("low", "available", "short"),
    [
        (LowSpace(share=0.05), 49, True),
        (LowSpace(share=0.05), 50, False),
        (LowSpace(share=0.0), 0, False),
        (LowSpace(size_bytes=10), 9, True),
        (LowSpace(size_bytes=10), 10, False),
        (LowSpace(), 0, False),
    ],
)
def test_low_space_is_less_than_was_asked_for(low, available, short):
    """A share is of all that the pool has, used and available; 0% is never."""
    assert low.is_short(Space(1000 - available, available)) is short
