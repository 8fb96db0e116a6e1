"""What an edit of the configuration would have the next prune destroy: judged before the edit takes effect.

A number changed from 30 to 3 is a small edit and a large loss. A run would refuse to destroy more than `max_destroy`
allows; this refuses the edit, while the person who made it is still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from zfspull.errors import ConfigError, Problem, ZfspullError


if TYPE_CHECKING:
    from zfspull.config.schema import Config, Job
    from zfspull.plan.prune import LimitExceeded


Foresee = Callable[["Job"], Awaitable["LimitExceeded | None"]]
"""Lists the target of a job here and says whether the next prune could destroy more than the job allows."""

LISTING_SECONDS = 30.0
AT_ONCE = 4

HARMLESS = frozenset({"origin", "schedule", "jitter_seconds", "snapshots", "initial", "resolve", "cursor", "retry"})
"""Attributes of a job that say nothing about what may go from its target. Whatever is not listed here may."""


def affected(old: Config, new: Config) -> list[Job]:
    """The jobs of `new` whose next prune may be another than that of the job of the same name in `old`."""
    return [job for name, job in new.jobs.items() if name not in old.jobs or _rules(old.jobs[name]) != _rules(job)]


def _rules(job: Job) -> dict[str, object]:
    return {key: value for key, value in job if key not in HARMLESS}


async def judge(
    jobs: Iterable[Job], places: Mapping[str, Problem], foresee: Foresee, *, seconds: float = LISTING_SECONDS
) -> Mapping[str, str]:
    """See to it that none of `jobs` would destroy more than it allows itself.

    Args:
        jobs: those to look at.
        places: where each one's rules stand, see `Config.places`.
        foresee: looks at one job.
        seconds: how long all looks together may take.

    Returns:
        By name of job, why it could not be looked at: that refuses nothing, the run's own limit holds in any case.

    Raises:
        ConfigError: with the count of each job that would.
    """
    free = asyncio.Semaphore(AT_ONCE)
    deadline = asyncio.get_running_loop().time() + seconds

    async def look(job: Job) -> tuple[Job, LimitExceeded | str | None]:
        try:
            async with asyncio.timeout_at(deadline), free:
                return job, await foresee(job)
        except TimeoutError:
            return job, f"its target could not be listed within {seconds:.0f} s"
        except ZfspullError as error:
            return job, str(error)

    # Without rules nothing goes, and there is nothing to look at.
    looks = await asyncio.gather(*(look(job) for job in jobs if job.keep is not None))
    problems = {
        job.name: _problem(job, found, places)
        for job, found in looks
        if found is not None and not isinstance(found, str)
    }
    if problems:
        raise ConfigError(sorted(problems.values()), hint=_hint(next(iter(problems))))
    return {job.name: found for job, found in looks if isinstance(found, str)}


def _problem(job: Job, exceeded: LimitExceeded, places: Mapping[str, Problem]) -> Problem:
    place = places.get(job.name, Problem("", 0, 0, "keep", ""))
    message = (
        f"the next prune of job {job.name} would destroy {exceeded.count} of {exceeded.total} snapshots of "
        f"{job.target}, and max_destroy allows {exceeded.limit} in one run"
    )
    return replace(place, message=message)


def _hint(job: str) -> str:
    return (
        f"nothing was changed; `zfspull prune {job} --here --dry-run` shows what would go by the files as they are. "
        f"If that is right, prune by them first (`zfspull prune {job} --here --confirm={job}`) or raise the job's "
        "max_destroy until its next run; if it is not, let keep hold more"
    )
