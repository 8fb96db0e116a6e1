"""Retention on request: not a run, but under the same lock, so that it and a run of the job exclude each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from zfspull.daemon.follow import Follower
from zfspull.daemon.lock import job_lock
from zfspull.daemon.prune_reply import parted
from zfspull.errors import TransientError, ZfspullError
from zfspull.log import log


if TYPE_CHECKING:
    from pathlib import Path

    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.daemon.protocol import Parted
    from zfspull.daemon.work import Work
    from zfspull.events import Event, EventSink


class Prunes:
    """The prunes under way: at most one for each job."""

    def __init__(self, *, work: Work, events: EventSink, locks: Path, new_run_id: Callable[[], str]) -> None:
        self._work = work
        self._events = events
        self._locks = locks
        self._new_run_id = new_run_id
        self._tasks: dict[str, asyncio.Task[Parted]] = {}

    def start(self, job: Job, generation: Generation, *, dry_run: bool, confirmed: bool) -> Follower:
        """Thin the target of `job`; the follower ends with its `parted` report or an error (`LockedError` is one).

        Raises:
            TransientError: there is one under way.
        """
        if job.name in self._tasks:
            raise TransientError(f"a prune of {job.name} is under way", hint="wait for it to end", job=job.name)
        follower = Follower()
        task = asyncio.create_task(
            self._prune(job, generation, _Both(self._events, follower), dry_run=dry_run, confirmed=confirmed),
            name=f"prune {job.name}",
        )
        self._tasks[job.name] = task
        task.add_done_callback(lambda _: self._ended(job.name, task, follower))
        return follower

    async def stop(self, seconds: float) -> None:
        """Cancel all and wait for their end, at most so long."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)

    async def _prune(
        self, job: Job, generation: Generation, events: EventSink, *, dry_run: bool, confirmed: bool
    ) -> Parted:
        # A dry run changes nothing, and is most wanted while something is going on.
        lock = contextlib.nullcontext() if dry_run else job_lock(self._locks, job.target)
        with generation.used(), lock:
            report = await self._work.prune(
                job, generation, events, run_id=self._new_run_id(), dry_run=dry_run, confirmed=confirmed
            )
        return parted(report)

    def _ended(self, name: str, task: asyncio.Task[Parted], follower: Follower) -> None:
        del self._tasks[name]
        if task.cancelled():
            follower.end(TransientError("the daemon is stopping", job=name))
            return
        error = task.exception()
        if error is not None and not isinstance(error, ZfspullError):
            log().error("prune.crashed", job=name, exc_info=error, hint="this is a bug in zfspull; please report it")
        follower.end(task.result() if error is None else error)


class _Both:
    def __init__(self, sink: EventSink, follower: Follower) -> None:
        self._sinks = (sink, follower)

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)
