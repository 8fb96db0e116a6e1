"""The books of one run: what was done, what went wrong, and what all that amounts to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zfspull.clock import Clock
from zfspull.errors import RefusalError, ZfspullError
from zfspull.events import DatasetFailed, DatasetRefused, Event, EventSink, HostFailed, Outcome, RunFinished
from zfspull.plan.steps import Step, StepKind


_CLOCK_STEP_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts what happens in a run, and makes its closing record.

    Attributes:
        job, run_id, started_at: which run.
        datasets: how many the job has on the source.
        received: bytes that arrived, by target dataset.
        arrived: by target dataset, the steps that were received and verified since it was last listed, and when.
        changed: whether anything was done to the target, so that what was listed before no longer holds.
        errors: everything that went wrong, in order; refusals among them.
    """

    job: str
    run_id: str
    clock: Clock
    events: EventSink
    started_at: float
    datasets: int = 0
    received: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, list[tuple[Step, float]]] = field(default_factory=dict)
    changed: bool = False
    steps: int = 0
    resumed: int = 0
    retries: int = 0
    destroyed: int = 0
    succeeded: int = 0
    errors: list[ZfspullError] = field(default_factory=list)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()

    def receive(self, dataset: str, size_bytes: int) -> None:
        """Count what arrived for a target dataset."""
        self.changed = True
        self.received[dataset] = self.received.get(dataset, 0) + size_bytes

    def arrive(self, step: Step) -> None:
        """Count a step that was received and verified just now."""
        self.steps += 1
        self.resumed += step.kind is StepKind.RESUME
        self.arrived.setdefault(step.target, []).append((step, self.clock.now()))

    def note(self, error: ZfspullError, *, attempts: int = 1) -> None:
        """Take note of what went wrong with one dataset, or with the run as a whole, and tell of it."""
        self.record(error)
        if isinstance(error, RefusalError):
            self.emit(
                DatasetRefused, dataset=error.dataset, reason=error.reason, message=error.message, hint=error.hint
            )
        elif error.dataset:
            self.emit(
                DatasetFailed,
                dataset=error.dataset,
                reason=error.reason,
                message=error.message,
                hint=error.hint,
                attempts=attempts,
            )
        else:
            self.host_failed(error)

    def record(self, error: ZfspullError) -> None:
        """Take note of what went wrong beside the pulls, and is told of by an event of its own."""
        error.job = error.job or self.job
        self.errors.append(error)

    def host_failed(self, error: ZfspullError) -> None:
        """Tell that a host could not be reached or logged in to."""
        if error.host:
            self.emit(HostFailed, host=error.host, reason=error.reason, message=error.message)

    def emit(self, event: type[Event], /, **fields: Any) -> None:  # noqa: ANN401 - whatever the event has
        """Tell the sinks of something that happened just now in this run."""
        self.events.emit(event(at=self.clock.now(), job=self.job, run_id=self.run_id, **fields))

    def finished(self, *, cancelled: bool = False) -> RunFinished:
        """The closing record."""
        refused = [error for error in self.errors if isinstance(error, RefusalError)]
        failed = [error for error in self.errors if not isinstance(error, RefusalError)]
        first = next(iter((*failed, *refused)), None)
        at = self.clock.now()
        elapsed_seconds = self.clock.monotonic() - self._began
        stepped = abs(at - self.started_at - elapsed_seconds) > _CLOCK_STEP_SECONDS
        return RunFinished(
            at=at,
            job=self.job,
            run_id=self.run_id,
            outcome=Outcome.CANCELLED if cancelled else self._outcome(bool(failed), bool(refused)),
            # By the clock as it is now, if that was set in mid-run: no run takes a day less than nothing.
            started_at=at - elapsed_seconds if stepped else self.started_at,
            datasets=self.datasets,
            received_bytes=sum(self.received.values()),
            steps=self.steps,
            resumed=self.resumed,
            retries=self.retries,
            refused=len(refused),
            failed=len(failed),
            destroyed=self.destroyed,
            error=str(first) if first else "",
            hint=first.hint if first else "",
            reason=first.reason if first else "",
        )

    def _outcome(self, failed: bool, refused: bool) -> Outcome:  # noqa: FBT001 - a truth table
        if not failed and not refused:
            return Outcome.SUCCESS
        if failed:
            return Outcome.PARTIAL if self.succeeded else Outcome.FAILED
        return Outcome.REFUSED
