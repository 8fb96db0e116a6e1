"""What a run is made of: the seam between the daemon and the room `pull`, so that tests bring work of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zfspull.pull.context import Context
from zfspull.pull.prune import PruneReport, prune_job
from zfspull.pull.run import run_job


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.events import EventSink, RunFinished, Trigger


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


class PullWork:
    """The real work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

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

    def _context(self, job: Job, generation: Generation, events: EventSink) -> Context:
        return Context.of(generation.ends, job.host, events=events, clock=self._clock)
