"""Both sides of a job, listed at one moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, ZfspullError
from zfspull.pull.context import Context
from zfspull.zfs.model import Tree


@dataclass(frozen=True, slots=True)
class Survey:
    """Both trees of a job as listed at one moment; the source's root exists."""

    source: Tree
    target: Tree


async def survey(job: Job, context: Context) -> Survey:
    """List both sides at once and in full, each by a constant number of commands.

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
    return checked(Survey(source.result(), target.result()), job)


def checked(seen: Survey, job: Job) -> Survey:
    """`seen`, if the source is there.

    Raises:
        PermanentError: it is not.
    """
    if not seen.source.exists:
        raise PermanentError(
            f"source dataset {job.source} does not exist on host {job.host}",
            hint="is its pool imported? was it renamed? The replica is kept as it is",
            job=job.name,
            host=job.host,
            reason="source_missing",
        )
    return seen
