"""How long to wait before the next attempt."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from zfspull.pull.retry import backoff_seconds


seeds = st.integers(0, 2**32)
attempts = st.integers(1, 10**6)
seconds = st.floats(0.001, 1e6)


@given(attempts, seconds, seconds, seeds)
def test_bounded(attempt, initial, maximum, seed):
    """The wait is never negative, never beyond the maximum, nor beyond the doubled first wait; no attempt overflows."""
    wait = backoff_seconds(attempt, initial_seconds=initial, maximum_seconds=maximum, rng=random.Random(seed))

    assert 0.0 <= wait <= maximum
    assert wait <= initial * 2.0 ** min(attempt - 1, 32)


@given(st.integers(1, 40), seconds, seconds, seeds)
def test_grows(attempt, initial, maximum, seed):
    """With the same luck, a later attempt never waits less than an earlier one."""
    earlier, later = (
        backoff_seconds(number, initial_seconds=initial, maximum_seconds=maximum, rng=random.Random(seed))
        for number in (attempt, attempt + 1)
    )

    assert later >= earlier


def test_full_jitter():
    """Waits are spread over the whole span, so that many jobs that failed together don't come back together."""
    rng = random.Random(1)
    waits = [backoff_seconds(4, initial_seconds=1, maximum_seconds=100, rng=rng) for _ in range(2000)]

    tenths = {int(wait / 0.8) for wait in waits}
    assert tenths == set(range(10))
