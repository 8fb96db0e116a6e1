"""A process that plans one pull from made-up listings, and tells as JSON what that cost: `... DATASETS SNAPSHOTS`.

The source has all snapshots, the replica all but the newest of each dataset: both are read, the pull is planned, and
retention decides on the replica. It has a process of its own for the sake of its peak memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.listings import dataset_lines, now, point_lines
from benchmarks.puller import peak_bytes
from zfspull.config.schema import Job
from zfspull.garbage import collect_seldom
from zfspull.plan.tree import plan_tree
from zfspull.pull.prune import decide
from zfspull.zfs.commands import DATASET_COLUMNS, POINT_COLUMNS, TARGET_DATASET_COLUMNS
from zfspull.zfs.listing import parse_tree
from zfspull.zfs.model import Tree


_Made = TypeVar("_Made")
_JOB = {
    "name": "home",
    "source": "gw:tank/home",
    "target": "backup/gw/home",
    "recursive": True,
    "schedule": "@hourly",
    "keep": {"last": 3, "hourly": 48, "daily": 30, "weekly": 8, "monthly": 12},
}


def measure(datasets: int, snapshots: int) -> dict[str, float]:
    """Plan, and tell what it took: processor seconds by phase (nothing waits here), and the peak of memory."""
    job = Job.model_validate(_JOB)
    seconds: dict[str, float] = {}

    def timed(phase: str, work: Callable[[], _Made]) -> _Made:
        started = time.process_time()
        made = work()
        seconds[phase] = seconds.get(phase, 0.0) + time.process_time() - started
        return made

    def read(root: str, columns: tuple[str, ...], count: int, *, target: bool) -> Tree:
        listed = dataset_lines(root, datasets, columns, target=target)
        points = point_lines(root, datasets, count, target=target)
        return timed("read", lambda: parse_tree(root, listed, points, POINT_COLUMNS, columns))

    source = read(job.source, DATASET_COLUMNS, snapshots, target=False)
    target = read(job.target, TARGET_DATASET_COLUMNS, snapshots - 1, target=True)
    plan = timed("plan", lambda: plan_tree(source, target, job.policy))
    prunes = timed("prune", lambda: decide(job, source, target, now(snapshots)))
    steps, given_up = sum(1 for _ in plan.steps), sum(len(prune.destroy) for prune in prunes)
    if steps != datasets:
        raise RuntimeError(f"{steps} steps were planned for {datasets} datasets")
    return {**seconds, "all": sum(seconds.values()), "peak_bytes": peak_bytes(), "given_up": given_up}


if __name__ == "__main__":
    collect_seldom()  # as the daemon does
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
