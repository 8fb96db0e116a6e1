"""One run as the daemon sees it: its task, who follows it, why it was stopped, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zfspull.errors import ZfspullError
from zfspull.events import Outcome, RunFinished, RunStarted
from zfspull.log import log


if TYPE_CHECKING:
    from zfspull.config.schema import Job
    from zfspull.daemon.follow import Follower
    from zfspull.daemon.generation import Generation
    from zfspull.events import Event, EventSink, Trigger


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """One run; it is itself the sink of its events.

    Attributes:
        stopped_by: "shutdown" or "operator" once it was asked to stop: the reason that its end is recorded with, so
            that the next start knows which runs to take up again.
        finished: its last event, once that was emitted.
    """

    job: Job
    run_id: str
    trigger: Trigger
    generation: Generation
    sink: EventSink
    began_at: float
    followers: list[Follower] = field(default_factory=list)
    task: asyncio.Task[RunFinished] | None = None
    stopped_by: str = ""
    started: bool = False
    finished: RunFinished | None = None

    def emit(self, event: Event) -> None:
        """Hand an event of the run to everybody and to those who follow it."""
        if isinstance(event, RunStarted):
            self.started = True
        if isinstance(event, RunFinished):
            if event.outcome is Outcome.CANCELLED and self.stopped_by:
                event = replace(event, reason=self.stopped_by)
            self.finished = event
        self.sink.emit(event)
        for follower in self.followers:
            follower.emit(event)

    def stop(self, reason: str) -> None:
        """Ask it to stop; it leaves what it is receiving so that it resumes."""
        self.stopped_by = self.stopped_by or reason
        if self.task is not None:
            self.task.cancel(reason)

    def conclude(self, now: float) -> RunFinished:
        """The run's last event, made up for one that ended without: cancelled before it began, or by a bug.

        Args:
            now: seconds since the epoch.
        """
        if self.finished is None:
            if not self.started:
                self.emit(
                    RunStarted(at=now, job=self.job.name, run_id=self.run_id, trigger=self.trigger, host=self.job.host)
                )
            self.emit(self._made_up_end(now))
        if self.finished is None:  # emit() has set it
            raise AssertionError
        return self.finished

    def _made_up_end(self, now: float) -> RunFinished:
        if self.task is None or self.task.cancelled():
            return self._end(now, Outcome.CANCELLED, reason=self.stopped_by)
        error = self.task.exception()
        if isinstance(error, ZfspullError):
            return self._end(now, Outcome.FAILED, error=str(error), hint=error.hint, reason=error.reason)
        if error is None:
            return self.task.result()
        log().error(
            "run.crashed",
            job=self.job.name,
            run_id=self.run_id,
            exc_info=error,
            hint="this is a bug in zfspull; please report this line",
        )
        text = f"bug in zfspull: {type(error).__name__}: {error}"
        return self._end(now, Outcome.FAILED, error=text, hint="the log says where; please report it", reason="bug")

    def _end(self, now: float, outcome: Outcome, *, error: str = "", hint: str = "", reason: str) -> RunFinished:
        return RunFinished(
            at=now,
            job=self.job.name,
            run_id=self.run_id,
            outcome=outcome,
            started_at=self.began_at,
            datasets=0,
            received_bytes=0,
            steps=0,
            resumed=0,
            retries=0,
            refused=0,
            failed=1 if outcome is Outcome.FAILED else 0,
            destroyed=0,
            error=error,
            hint=hint,
            reason=reason,
        )
