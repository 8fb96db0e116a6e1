"""Both sides of a job, listed at one moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from zfspull.config.schema import Job
from zfspull.errors import LocalResourceError, PermanentError, ZfspullError
from zfspull.pull.context import Context
from zfspull.zfs.model import Tree
from zfspull.zfs.names import pool


@dataclass(frozen=True, slots=True)
class Survey:
    """Both trees of a job as listed at one moment; the source's root exists."""

    source: Tree
    target: Tree


async def survey(job: Job, context: Context) -> Survey:
    """List both sides at once and in full, each by a constant number of commands.

    Raises:
        PermanentError: if the source dataset does not exist.
        LocalResourceError: if the target's pool is not there.
        ZfspullError: if a side can't be listed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            source = group.create_task(context.source.list_tree(job.source, recursive=job.recursive))
            target = group.create_task(context.target.list_tree(job.target, recursive=job.recursive))
    except* ZfspullError as errors:
        raise errors.exceptions[0] from None
    return await checked(Survey(source.result(), target.result()), job, context)


async def checked(seen: Survey, job: Job, context: Context) -> Survey:
    """`seen`, if the source is there, and the pool here; with what lies above a target that is not there.

    A target that is not there is made; in a pool that is not imported it is there all the same, and its base has to
    stay on the source.

    Raises:
        PermanentError: the source is not.
        LocalResourceError: the pool is not.
        ZfspullError: the pool can't be asked.
    """
    if not seen.source.exists:
        raise PermanentError(
            f"source dataset {job.source} does not exist on host {job.host}",
            hint="is its pool imported? was it renamed? The replica is kept as it is",
            job=job.name,
            host=job.host,
            reason="source_missing",
        )
    if seen.target.exists:
        return seen
    name = pool(job.target)
    above = await context.target.nearest(job.target)
    if above is None:
        raise LocalResourceError(
            f"pool {name} is not imported here: no backup is made, and those that are in it are safe",
            hint=f"see `zpool import`: is its disk there? Then: zpool import {name}",
            job=job.name,
            dataset=job.target,
            reason="pool_missing",
        )
    return Survey(seen.source, replace(seen.target, above=above))
