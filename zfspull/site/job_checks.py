"""Checks of a job by itself: its schedule, its retention against what is there, and how its runs went.

All checks of a job, those of its two ends too, are in the table at the end.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime

from zfspull.config.units import format_duration
from zfspull.plan.keep import RuleSet
from zfspull.site import source_checks, target_checks
from zfspull.site.finding import Said, note, ok, warn
from zfspull.site.looks import JobLooks
from zfspull.zfs.names import pool


async def _schedule(looks: JobLooks) -> list[Said]:
    job = looks.job
    if job.schedule is None:
        return [note("it has no schedule", f"zfspull pull {job.name}")]
    after = datetime.fromtimestamp(looks.here.clock.now(), UTC)
    following = job.schedule.next_after(after, job.zone)
    if following is None:
        return [note("its schedule does not come again")]
    return [ok(f"it is next due at {following.astimezone(job.zone):%Y-%m-%d %H:%M %Z}")]


async def _retention(looks: JobLooks) -> list[Said]:
    job = looks.job
    if job.keep is None:
        # Nothing is destroyed then, so the pool fills up some day, which is what some people want.
        return [note(f"it has no `keep`: every snapshot stays, and pool {pool(job.target)} fills up in time")]
    source, target = await looks.source(), await looks.target()
    names = {
        snapshot.name
        for dataset in (*source.datasets.values(), *target.datasets.values())
        for snapshot in dataset.snapshots
        if job.policy.wants(snapshot)
    }
    idle = list(_idle(job.keep.sets, names)) if names else []
    return [note(text) for text in idle] or [ok("its keep rules fit what is there")]


def _idle(sets: tuple[RuleSet, ...], names: set[str]) -> Iterator[str]:
    """The rule sets and patterns that no snapshot's name fits."""
    for one in sets:
        if one.snapshots is not None and not any(re.search(one.snapshots, name) for name in names):
            yield f"no snapshot's name matches {one.snapshots!r}, for which `keep` has rules"
        for pattern in one.keep.matching if one.keep is not None else ():
            if not any(re.search(pattern, name) for name in names):
                yield f"no snapshot's name matches {pattern!r}, which `keep` keeps"


async def _runs(looks: JobLooks) -> list[Said]:
    here, job = looks.here, looks.job
    known = (here.status or {}).get("jobs", {}).get(job.name)
    if known is None:
        return []
    problems = [warn(str(one.get("message", "")), str(one.get("hint", ""))) for one in known.get("problems", []) if one]
    if problems:
        return problems
    if known.get("last_success_at") is None:
        return [note("it has not run yet", f"zfspull pull {job.name}")]
    age = here.clock.now() - known["last_success_at"]
    return [ok(f"it last succeeded {format_duration(round(max(age, 0)))} ago")]


JOB_CHECKS: Mapping[str, Callable[[JobLooks], Awaitable[list[Said]]]] = {
    "source": source_checks.snapshots,
    "source permissions": source_checks.permissions,
    "target permissions": target_checks.permissions,
    "features": source_checks.features,
    "space": target_checks.space,
    "replicas": target_checks.replicas,
    "keys": target_checks.keys,
    "schedule": _schedule,
    "retention": _retention,
    "runs": _runs,
}
"""By name, in the order in which they are told."""
