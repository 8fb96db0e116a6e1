"""How long to wait before the next attempt."""

from __future__ import annotations

import random


def backoff_seconds(attempt: int, *, initial_seconds: float, maximum_seconds: float, rng: random.Random) -> float:
    """Exponential backoff with full jitter: anything up to the doubled wait, so that many jobs don't knock at once.

    Args:
        attempt: how many attempts have failed so far, from 1.
        initial_seconds: the longest wait after the first failure.
        maximum_seconds: the longest wait ever.
        rng: where the jitter comes from.
    """
    ceiling = min(maximum_seconds, initial_seconds * 2.0 ** min(attempt - 1, 32))
    return rng.uniform(0.0, ceiling)
