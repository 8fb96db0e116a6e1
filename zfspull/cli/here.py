"""The command line does the work by itself, where no daemon answers: under the same locks, into the same history."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from zfspull.cli.failure import unknown_job
from zfspull.events import Fanout, Trigger


if TYPE_CHECKING:
    from zfspull.cli.options import Options
    from zfspull.config.schema import Config, Job
    from zfspull.daemon.generation import Generation
    from zfspull.daemon.paths import Paths
    from zfspull.daemon.work import Work
    from zfspull.events import EventSink, RunFinished
    from zfspull.pull.books import Books
    from zfspull.pull.context import Context


def load(options: Options) -> Config:
    """The configuration.

    Raises:
        ConfigError: with every mistake.
    """
    from zfspull.config.load import load_config

    return load_config(options.config_path)


def job_of(config: Config, name: str) -> Job:
    """The job of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in config.jobs:
        raise unknown_job(name, config.jobs)
    return config.jobs[name]


@contextlib.asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Generation]:
    """The configuration with its two ends, closed when the context ends."""
    from zfspull.clock import SystemClock
    from zfspull.daemon.generation import Generation
    from zfspull.hosts.ends import Ends

    generation = Generation(config, Ends(config, clock=SystemClock()))
    try:
        yield generation
    finally:
        await generation.close(wait=False)


def context_of(job: Job, generation: Generation, books: Books | None = None) -> Context:
    """What a look at a job works with; nobody is told of events."""
    from zfspull.clock import SystemClock
    from zfspull.pull.books import MemoryBooks
    from zfspull.pull.context import Context

    return Context.of(generation.ends, job.host, events=Fanout(), clock=SystemClock(), books=books or MemoryBooks())


async def pull(job: Job, generation: Generation, events: EventSink, *, work: Work, paths: Paths) -> RunFinished:
    """One run of a job, recorded in the history.

    Raises:
        LockedError: the target is being worked on.
        LocalResourceError: the state directory can't be used.
    """
    from zfspull.clock import SystemClock
    from zfspull.daemon.history import History
    from zfspull.daemon.lock import job_lock

    with job_lock(paths.locks, job.target), contextlib.closing(History(paths.history, SystemClock())) as history:
        sinks = Fanout([history, events])
        return await work.pull(job, generation, sinks, trigger=Trigger.OPERATOR, run_id=new_run_id())


async def prune(
    job: Job, generation: Generation, events: EventSink, *, work: Work, paths: Paths, dry_run: bool, confirmed: bool
) -> dict[str, Any]:
    """Retention alone, answered in the documented JSON shape; a dry run needs no lock.

    Raises:
        LockedError: the target is being worked on.
        LocalResourceError: the state directory can't be used.
    """
    from zfspull.daemon.lock import job_lock
    from zfspull.daemon.prune_reply import prune_reply

    lock = contextlib.nullcontext() if dry_run else job_lock(paths.locks, job.target)
    with lock:
        report = await work.prune(job, generation, events, run_id=new_run_id(), dry_run=dry_run, confirmed=confirmed)
    return prune_reply(report)


def new_run_id() -> str:
    """A name for a run."""
    return secrets.token_hex(6)
