"""Those who watch the daemon, taken together: history, status board, metrics and log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from zfspull.daemon.supervise import CarefulSink
from zfspull.events import Event, Fanout, Outcome
from zfspull.observe.ledger import JobFacts
from zfspull.zfs.names import pool


if TYPE_CHECKING:
    from zfspull.config.schema import Config
    from zfspull.daemon.history import History
    from zfspull.events import EventSink
    from zfspull.plan.space import Sample


class Board(Protocol):
    """An observer that must know which jobs there are: `StatusBoard` and `Metrics`."""

    def declare(self, jobs: Iterable[JobFacts], /) -> frozenset[str]:
        """Show exactly these jobs; returns the new ones."""

    def restore(self, events: Iterable[Event], /) -> None:
        """Take over what was remembered of a job."""

    def next_run(self, job: str, at: float | None, /) -> None:
        """When the job runs next."""

    def emit(self, event: Event, /) -> None:
        """Take note of an event."""


class Observers:
    """One sink for all of them, which none can harm."""

    def __init__(self, history: History, boards: Iterable[Board], others: Iterable[EventSink] = ()) -> None:
        """Args: the history, then boards that it restores, then all who only listen."""
        self._history = history
        self._boards = tuple(boards)
        sinks: list[EventSink] = [history, *self._boards, *others]
        self._fanout = Fanout(CarefulSink(sink) for sink in sinks)

    def emit(self, event: Event) -> None:
        """Hand `event` to everybody."""
        self._fanout.emit(event)

    def declare(self, config: Config) -> None:
        """These are the jobs from now on; what history remembers of new ones is shown."""
        facts = [
            JobFacts(
                name=job.name,
                host=job.host,
                interval_seconds=job.schedule.interval_seconds() if job.schedule is not None else None,
                pool=pool(job.target),
                skips_unwritten=job.snapshots.take and job.snapshots.skip_if_unwritten,
            )
            for job in config.jobs.values()
        ]
        for board in self._boards:
            for job in sorted(board.declare(facts)):
                board.restore(self._history.remembered(job))

    def show_next_runs(self, jobs: Iterable[str], next_run: Callable[[str], float | None]) -> None:
        """Let the boards know when each job runs next."""
        for job in jobs:
            at = next_run(job)
            for board in self._boards:
                board.next_run(job, at)

    def past_of_pool(self, name: str) -> list[Sample]:
        """What was seen of a pool in the past weeks."""
        return self._history.past_of_pool(name)

    def last_completed_attempt(self, job: str) -> datetime | None:
        """When the newest run of `job` began that was not cut off by a stop of the daemon; None without any.

        One that was cut off counts as not attempted, so that the next start takes it up again.
        """
        run = self._history.last_attempt(job)
        if run is None or (run.outcome is Outcome.CANCELLED and run.reason == "shutdown"):
            return None
        return datetime.fromtimestamp(run.started_at, UTC)


def status_line(snapshot: dict[str, Any]) -> str:
    """The board's snapshot in one line, for `systemctl status`: "3 running, 12 idle, next db at 02:30Z"."""
    jobs: dict[str, Any] = snapshot["jobs"]
    running = sum(job["state"] == "running" for job in jobs.values())
    parts = [f"{running} running", f"{len(jobs) - running} idle"]
    if waiting := snapshot["queue"]["waiting"]:
        parts.append(f"{waiting} waiting")
    coming = [(job["next_run_at"], name) for name, job in jobs.items() if job["next_run_at"] is not None]
    if coming:
        at, name = min(coming)
        parts.append(f"next {name} at {datetime.fromtimestamp(at, UTC):%H:%MZ}")
    return ", ".join(parts)
