"""The beginning of a run: take snapshots if the job does, and list both sides at one moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, ZfspullError
from zfspull.events import Noticed, SnapshotsTaken
from zfspull.plan.snapshot_names import taken_name
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Tree


@dataclass(frozen=True, slots=True)
class Survey:
    """Both trees of a job as listed at one moment; the source's root exists."""

    source: Tree
    target: Tree


async def survey(job: Job, context: Context) -> Survey:
    """List both sides at once, each by a constant number of commands.

    Raises:
        PermanentError: if the source dataset does not exist.
        ZfspullError: if a side can't be listed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            source = group.create_task(context.source.list_tree(job.source, recursive=job.recursive))
            target = group.create_task(context.target.list_tree(job.target, recursive=job.recursive))
    except* ZfspullError as errors:
        raise errors.exceptions[0] from None
    if not source.result().exists:
        raise PermanentError(
            f"source dataset {job.source} does not exist on host {job.host}",
            hint="is its pool imported? was it renamed? The replica is kept as it is",
            job=job.name,
            host=job.host,
            reason="source_missing",
        )
    return Survey(source.result(), target.result())


async def take_snapshots(job: Job, context: Context, tally: Tally) -> None:
    """Take the job's snapshots, if it does; that this fails for good is no reason not to pull what is there.

    Raises:
        TransientError: if the host can't be reached.
    """
    if not job.snapshots.take:
        return
    name = taken_name(job.snapshots.prefix, context.clock.now())
    if job.snapshots.skip_if_unwritten and not await _written(job, context):
        return
    try:
        await context.source.snapshot(job.source, [name], recursive=job.recursive)
    except PermanentError as error:
        tally.errors.append(error)
        tally.emit(Noticed, reason=error.reason, message=str(error), dataset=job.source)
    else:
        tally.emit(SnapshotsTaken, name=name, source=job.source, recursive=job.recursive)


async def _written(job: Job, context: Context) -> bool:
    """Whether anything in the source's tree was written since its newest snapshot."""
    tree = await context.source.list_tree(job.source, recursive=job.recursive)
    return any(dataset.written_bytes or not dataset.snapshots for dataset in tree.datasets.values())
