"""Starts runs when the queue lets them, and takes note of how they end. What goes wrong in one stays in it (P10)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from zfspull.daemon.dispatch import Dispatch, Wish
from zfspull.daemon.follow import Follower
from zfspull.daemon.lock import LockedError, job_lock
from zfspull.daemon.run import Run
from zfspull.errors import TransientError, ZfspullError
from zfspull.events import Noticed, QueueChanged, Trigger


if TYPE_CHECKING:
    from pathlib import Path

    from zfspull.clock import Clock
    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.daemon.work import Work
    from zfspull.events import EventSink, RunFinished


LOCKED_RETRY_SECONDS = 30.0
"""How long a job waits whose target another process works on."""


class UnknownJobError(ZfspullError):
    """There is no job of this name."""

    kind = "usage"


class Runs:
    """The queue and the runs of the daemon. `turn` is to be called whenever something may have changed."""

    def __init__(
        self,
        generation: Generation,
        *,
        work: Work,
        events: EventSink,
        locks: Path,
        clock: Clock,
        new_run_id: Callable[[], str],
    ) -> None:
        self._work = work
        self._events = events
        self._locks = locks
        self._clock = clock
        self._new_run_id = new_run_id
        self._dispatch = Dispatch()
        self._running: dict[str, Run] = {}
        self._followers: defaultdict[str, list[Follower]] = defaultdict(list)
        self._locked: set[str] = set()
        self._told = (0, 0)
        self._stopping = False
        self._changed = asyncio.Event()
        self._generation = generation
        generation.configure(self._dispatch)

    @property
    def generation(self) -> Generation:
        """What new runs work with."""
        return self._generation

    @property
    def waiting(self) -> tuple[str, ...]:
        """The jobs in the queue."""
        return self._dispatch.waiting

    @property
    def running(self) -> tuple[str, ...]:
        """The jobs that run."""
        return tuple(self._running)

    def use(self, generation: Generation) -> None:
        """Start new runs with `generation`. Those under way keep theirs; waiting jobs that are gone wait no longer."""
        self._generation = generation
        for job in generation.configure(self._dispatch):
            self._locked.discard(job)
            self._end_followers(job, TransientError(f"the job {job} is gone from the configuration", job=job))
        self._changed.set()

    def job(self, name: str) -> Job:
        """The job of that name, to do something with it.

        Raises:
            UnknownJobError: there is no such job.
            TransientError: the daemon is stopping.
        """
        if self._stopping:
            raise TransientError("the daemon is stopping", hint="try again when it runs again", job=name)
        jobs = self._generation.config.jobs
        if name not in jobs:
            names = ", ".join(sorted(jobs)) or "none"
            raise UnknownJobError(f"the daemon knows no job {name!r:.100}", hint=f"its jobs: {names}")
        return jobs[name]

    def want(self, job: str, trigger: Trigger) -> None:
        """Have `job` run as soon as it may. One that waits already is not queued twice.

        Raises:
            UnknownJobError: there is no such job.
            TransientError: the daemon is stopping.
        """
        self.job(job)
        self._dispatch.want(job, trigger)
        self._changed.set()

    def follow(self, job: str) -> Follower:
        """The same for an operator who wants to see the run. A run already under way is not it: it began too early."""
        self.want(job, Trigger.OPERATOR)
        follower = Follower()
        self._followers[job].append(follower)
        return follower

    def cancel(self, job: str) -> tuple[bool, bool]:
        """Take `job` off the queue, and ask its run to stop; returns whether it waited and whether it runs.

        Raises:
            UnknownJobError: there is no such job, nor a run of it that outlived it.
        """
        if job not in self._running:
            self.job(job)
        waited = self._dispatch.withdraw(job)
        self._locked.discard(job)
        self._end_followers(job, TransientError(f"the waiting run of {job} was cancelled", job=job))
        run = self._running.get(job)
        if run is not None:
            run.stop("operator")
        self._changed.set()
        return waited, run is not None

    async def go_on(self, beat: Callable[[], None], *, every_seconds: float) -> None:
        """Start what may start, whenever something changed and at least every `every_seconds`; for ever."""
        while True:
            self.turn()
            beat()
            due = self._dispatch.next_due(self._clock.monotonic())
            delay = every_seconds if due is None else min(every_seconds, max(0.0, due - self._clock.monotonic()))
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                continue
            self._changed.clear()

    def turn(self) -> None:
        """Start what may start."""
        if not self._stopping:
            for wish in self._dispatch.start(self._clock.monotonic()):
                self._start(wish)
        queue = (len(self._dispatch.waiting), len(self._running))
        if queue != self._told:
            self._told = queue
            self._events.emit(QueueChanged(at=self._clock.now(), waiting=queue[0], running=queue[1]))

    async def drain(self, seconds: float, *, on_wait: Callable[[], None], hurry: asyncio.Event) -> tuple[str, ...]:
        """Start no more runs, stop those under way and wait for them.

        Args:
            seconds: at most so long.
            on_wait: called every few seconds meanwhile.
            hurry: ends the waiting when it is set.

        Returns:
            The jobs that did not stop in time.
        """
        self._stopping = True
        for job in tuple(self._followers):
            self._end_followers(job, TransientError("the daemon is stopping", job=job))
        for run in self._running.values():
            run.stop("shutdown")
        deadline = self._clock.monotonic() + seconds
        impatience = asyncio.ensure_future(hurry.wait())
        try:
            while tasks := {run.task for run in self._running.values() if run.task and not run.task.done()}:
                left = deadline - self._clock.monotonic()
                if left <= 0 or hurry.is_set():
                    break
                on_wait()
                await asyncio.wait({*tasks, impatience}, timeout=min(left, 5.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            impatience.cancel()
        await asyncio.sleep(0)  # those that are done have yet to be taken note of
        return tuple(self._running)

    def _start(self, wish: Wish) -> None:
        job = self._generation.config.jobs[wish.job]
        run = Run(
            job=job,
            run_id=self._new_run_id(),
            trigger=wish.trigger,
            generation=self._generation,
            sink=self._events,
            began_at=self._clock.now(),
            followers=self._followers.pop(job.name, []),
        )
        self._running[job.name] = run
        run.task = asyncio.create_task(self._work_on(run), name=f"run {job.name}")
        # Not a `finally` in the coroutine: a task cancelled before its first step never enters it.
        run.task.add_done_callback(lambda _: self._ended(run))

    async def _work_on(self, run: Run) -> RunFinished:
        with run.generation.used(), job_lock(self._locks, run.job.target):
            self._locked.discard(run.job.name)
            return await self._work.pull(run.job, run.generation, run, trigger=run.trigger, run_id=run.run_id)

    def _ended(self, run: Run) -> None:
        name = run.job.name
        del self._running[name]
        self._dispatch.finished(name)
        self._changed.set()
        error = None if run.task is None or run.task.cancelled() else run.task.exception()
        if isinstance(error, LockedError) and not run.started:
            self._wait_for_lock(run, error)
            return
        finished = run.conclude(self._clock.now())
        for follower in run.followers:
            follower.end(finished)

    def _wait_for_lock(self, run: Run, error: LockedError) -> None:
        """Queue the run again, for later; say so once."""
        name = run.job.name
        if self._stopping or name not in self._generation.config.jobs:
            for follower in run.followers:
                follower.end(error)
            return
        self._dispatch.want(name, run.trigger, not_before=self._clock.monotonic() + LOCKED_RETRY_SECONDS)
        self._followers[name].extend(run.followers)
        if name not in self._locked:
            self._locked.add(name)
            notice = Noticed(at=self._clock.now(), job=name, reason=error.reason, message=f"{error.message}; waiting")
            run.sink.emit(notice)
            for follower in run.followers:
                follower.emit(notice)

    def _end_followers(self, job: str, error: ZfspullError) -> None:
        for follower in self._followers.pop(job, []):
            follower.end(error)
