"""What a run is made of: the seam between the daemon and the room `pull`, so that tests bring work of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zfspull.pull.context import Context
from zfspull.pull.foresight import foresee_job
from zfspull.pull.prune import PruneReport, prune_job
from zfspull.pull.remembered import ProcessMemory
from zfspull.pull.run import run_job


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.events import EventSink, RunFinished, Trigger
    from zfspull.plan.prune import LimitExceeded
    from zfspull.pull.books import Books
    from zfspull.pull.remembered import Memory
    from zfspull.zfs.model import Space


class Work(Protocol):
    """What the daemon has done for a job."""

    async def pull(
        self, job: Job, generation: Generation, events: EventSink, *, trigger: Trigger, run_id: str
    ) -> RunFinished:
        """One run. When cancelled it leaves what it was receiving so that it resumes, and re-raises."""

    async def prune(
        self, job: Job, generation: Generation, events: EventSink, *, run_id: str, dry_run: bool, confirmed: bool
    ) -> PruneReport:
        """Retention alone."""

    async def foresee(self, job: Job, generation: Generation) -> LimitExceeded | None:
        """Whether the job's next prune could destroy more than it allows, as far as one can tell here.

        Raises:
            ZfspullError: its target can't be listed.
        """

    async def space(self, pool: str, generation: Generation) -> Space | None:
        """How much room there is in a pool here, None if it is not there.

        Raises:
            ZfspullError: it can't be asked.
        """


class PullWork:
    """The real work."""

    def __init__(self, clock: Clock, books: Books, memory: Memory | None = None) -> None:
        """Args: time, the books of what sources lost, and what is remembered of what was listed."""
        self._clock = clock
        self._books = books
        self._memory = memory or ProcessMemory()

    async def pull(
        self, job: Job, generation: Generation, events: EventSink, *, trigger: Trigger, run_id: str
    ) -> RunFinished:
        """One run. When cancelled it leaves what it was receiving so that it resumes, and re-raises."""
        return await run_job(job, self._context(job, generation, events), trigger=trigger, run_id=run_id)

    async def prune(
        self, job: Job, generation: Generation, events: EventSink, *, run_id: str, dry_run: bool, confirmed: bool
    ) -> PruneReport:
        """Retention alone."""
        context = self._context(job, generation, events)
        return await prune_job(job, context, run_id=run_id, dry_run=dry_run, confirmed=confirmed)

    async def foresee(self, job: Job, generation: Generation) -> LimitExceeded | None:
        """Whether the job's next prune could destroy more than it allows, as far as one can tell here."""
        return await foresee_job(job, generation.ends.target, now=self._clock.now())

    async def space(self, pool: str, generation: Generation) -> Space | None:
        """How much room there is in a pool here, None if it is not there."""
        return await generation.ends.target.space(pool)

    def _context(self, job: Job, generation: Generation, events: EventSink) -> Context:
        return Context.of(
            generation.ends, job.host, events=events, clock=self._clock, books=self._books, memory=self._memory
        )
