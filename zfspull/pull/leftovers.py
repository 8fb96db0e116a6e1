"""What zfspull has left on a source, listed and taken away on request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from zfspull.config.schema import Job
from zfspull.plan.cursors import replica_tag
from zfspull.plan.leftovers import Leftover, held, leftovers
from zfspull.pull.context import Context


async def list_leftovers(job: Job, context: Context, *, ours: Collection[str]) -> tuple[Leftover, ...]:
    """The cursors on the datasets of one job, by a constant number of commands.

    Args:
        job: the job.
        context: the surroundings.
        ours: the tags of all replicas of this machine.

    Raises:
        ZfspullError: if a side can't be listed.
    """
    source, target = await asyncio.gather(
        context.source.list_tree(job.source, recursive=job.recursive),
        context.target.list_tree(job.target, recursive=job.recursive),
    )
    snapshots = held(source.datasets.values())
    holds = await context.source.list_holds(snapshots) if snapshots else ()
    tag = replica_tag(context.machine, job.target)
    return tuple(leftovers(source, holds, target, tag=tag, ours=ours, exclude=job.exclude))


async def take_away(leftover: Leftover, context: Context) -> None:
    """Destroy the bookmark, or release the hold; fine if it is gone.

    Raises:
        ZfspullError: the source does not permit it, or can't be reached.
    """
    if leftover.tag is None:
        await context.source.destroy_bookmark(leftover.dataset, leftover.point.name)
    else:
        await context.source.release(leftover.dataset, leftover.point.name, leftover.tag)
