"""What a job's rules would do to its target, judged from here alone: without the network, and so as an upper bound."""

from __future__ import annotations

from zfspull.config.schema import Job
from zfspull.hosts.ports import Target
from zfspull.plan.exclude import excluded
from zfspull.plan.prune import LimitExceeded, SourceGone, plan_prune
from zfspull.plan.remedies import is_aside
from zfspull.pull.brake import too_much
from zfspull.zfs.model import Tree


def foresee(job: Job, target: Tree, now: float) -> LimitExceeded | None:
    """Whether the next prune of `job` could destroy more than its `max_destroy`.

    The base is known to the source only. It is judged as if it protected nothing: a run destroys that many snapshots or
    fewer, for what else it looks at only ever keeps more.

    Args:
        job: the job as it is to be.
        target: its replica, freshly listed.
        now: seconds since the epoch.
    """
    prunes = [
        plan_prune(dataset, job.keep, base=SourceGone(), zone=job.zone, now=now)
        for path, dataset in target.datasets.items()
        if not excluded(path, job.exclude) and not is_aside(path)
    ]
    return too_much(job, prunes)


async def foresee_job(job: Job, target: Target, *, now: float) -> LimitExceeded | None:
    """The same, from a listing of the target made now; a target that is not there has nothing to lose.

    Raises:
        ZfspullError: if the target can't be listed.
    """
    return foresee(job, await target.list_tree(job.target, recursive=job.recursive), now)
