"""The pause before the next attempt: how long it is, and that it is told of."""

from __future__ import annotations

import random

from zfspull.config.schema import Retry
from zfspull.errors import TransientError
from zfspull.events import RetryScheduled
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally


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


async def pause(
    retry: Retry, context: Context, tally: Tally, *, failures: int, error: TransientError, dataset: str = ""
) -> None:
    """Wait before the next attempt.

    Args:
        retry: the job's wishes.
        context: the surroundings.
        tally: the run's books.
        failures: how many attempts have failed in a row.
        error: the last failure.
        dataset: what is tried again, "" for the run as a whole.
    """
    delay = backoff_seconds(
        failures, initial_seconds=retry.initial_seconds, maximum_seconds=retry.maximum_seconds, rng=context.rng
    )
    tally.retries += 1
    tally.emit(RetryScheduled, dataset=dataset, attempt=failures, delay_seconds=delay, reason=error.reason)
    await context.clock.sleep(delay)
