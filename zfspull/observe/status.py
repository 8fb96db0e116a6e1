"""What the operator sees of the daemon: one JSON-able picture of all jobs, at any moment.

The board only remembers; how it looks on a terminal is the command line's affair. Its shape is documented in
docs/reference/status.md and carries a version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from zfspull.events import (
    ConfigLoaded,
    DatasetRefused,
    Event,
    HostFailed,
    Noticed,
    Outcome,
    QueueChanged,
    RunFinished,
    RunStarted,
)
from zfspull.observe.books import Books
from zfspull.observe.ledger import DatasetState, JobFacts, JobState
from zfspull.observe.text import clip
from zfspull.observe.transfers import Transfer


STATUS_VERSION = 1
MAX_NOTICES = 20
MAX_TEXT_CHARS = 2000

Json = dict[str, Any]


class StatusBoard:
    """An event sink that keeps what `zfspull status` shows. Bounded by the jobs and datasets there really are."""

    def __init__(self) -> None:
        self._books = Books()
        self._received: dict[str, int] = {}
        self._notices: dict[str, deque[Noticed | HostFailed]] = {}
        self._config: ConfigLoaded | None = None
        self._config_ok_at: float | None = None
        self._queue = (0, 0)

    def declare(self, jobs: Iterable[JobFacts]) -> frozenset[str]:
        """Show exactly these jobs from now on; returns the names that are new, for the caller to `restore`."""
        new, gone = self._books.declare(jobs)
        for name in gone:
            self._received.pop(name, None)
            self._notices.pop(name, None)
        return new

    def restore(self, events: Iterable[Event]) -> None:
        """Take over what history remembers of a job (`History.remembered`)."""
        self._books.ledger.restore(events)

    def next_run(self, job: str, at: float | None) -> None:
        """The scheduler says when `job` runs next, in seconds since the epoch; None for never."""
        self._books.next_run(job, at)

    def emit(self, event: Event) -> None:
        """Take note of `event`; what concerns a job that is not declared (any more) is passed over."""
        received = self._books.note(event)
        match event:
            case ConfigLoaded():
                self._config = event
                self._config_ok_at = event.at if event.ok else self._config_ok_at
            case QueueChanged():
                self._queue = (event.waiting, event.running)
            case _ if self._books.ledger.knows(event.job):
                self._job_event(event, received)
            case _:
                pass

    def _job_event(self, event: Event, received: int) -> None:
        self._received[event.job] = self._received.get(event.job, 0) + received
        match event:
            case RunStarted():
                self._received[event.job] = 0
                self._notices.pop(event.job, None)
            case Noticed() | HostFailed():
                self._notices.setdefault(event.job, deque(maxlen=MAX_NOTICES)).append(event)
            case _:
                pass

    def snapshot(self, now: float) -> Json:
        """Everything, as of `now` (seconds since the epoch): see docs/reference/status.md."""
        waiting, running = self._queue
        return {
            "version": STATUS_VERSION,
            "at": now,
            "config": {
                "ok": self._config.ok if self._config else None,
                "loaded_at": self._config_ok_at,
                "message": clip(self._config.message, MAX_TEXT_CHARS) if self._config else "",
            },
            "queue": {"waiting": waiting, "running": running},
            "pools": self._books.pools.snapshot(),
            "jobs": {name: self._job(facts, now) for name, facts in sorted(self._books.ledger.facts.items())},
        }

    def _job(self, facts: JobFacts, now: float) -> Json:
        state = self._books.ledger.jobs[facts.name]
        datasets = [_dataset(name, dataset, state, now) for name, dataset in state.datasets.items()]
        lags = [row["lag_seconds"] for row in datasets if row["lag_seconds"] is not None]
        looks = [dataset.observed.at for dataset in state.datasets.values() if dataset.observed is not None]
        return {
            "host": facts.host,
            "interval_seconds": facts.interval_seconds,
            "state": _state(state),
            "next_run_at": self._books.next_runs.get(facts.name),
            "last_attempt_at": state.attempted_at,
            "last_success_at": state.last_success.at if state.last_success else None,
            "last_run": _run(state.last_run) if state.last_run else None,
            "running": self._running(facts.name, state),
            "lag_seconds": max(lags, default=None),
            "observed_at": max(looks, default=None),
            "datasets": datasets,
            "problems": list(self._problems(facts.name, state)),
        }

    def _running(self, job: str, state: JobState) -> Json | None:
        run = state.running
        if run is None:
            return None
        return {
            "run_id": run.run_id,
            "trigger": run.trigger.value,
            "started_at": run.at,
            "received_bytes": self._received.get(job, 0),
            "transfers": [_transfer(transfer) for transfer in self._books.transfers.of(job)],
        }

    def _problems(self, job: str, state: JobState) -> Iterator[Json]:
        last, of_datasets = state.last_run, [dataset.problem for dataset in state.datasets.values() if dataset.problem]
        told = last is not None and any(problem.message in last.error for problem in of_datasets)
        if last is not None and last.outcome is not Outcome.SUCCESS and last.error and not told:
            yield _problem("run", last.at, last.reason, last.error, hint=last.hint)
        for problem in of_datasets:
            kind = "refused" if isinstance(problem, DatasetRefused) else "failed"
            yield _problem(
                kind, problem.at, problem.reason, problem.message, hint=problem.hint, dataset=problem.dataset
            )
        for refused in filter(None, (state.prune_refused, state.source_prune_refused)):
            yield _problem("prune_refused", refused.at, "max_destroy", refused.message, hint=refused.hint)
        for notice in self._notices.get(job, ()):
            if isinstance(notice, HostFailed):
                yield _problem("host", notice.at, notice.reason, notice.message)
            else:
                yield _problem("notice", notice.at, notice.reason, notice.message, dataset=notice.dataset)


def _state(state: JobState) -> str:
    if state.running is not None:
        return "running"
    return state.last_run.outcome.value if state.last_run else "never"


def _run(run: RunFinished) -> Json:
    return {
        "run_id": run.run_id,
        "outcome": run.outcome.value,
        "started_at": run.started_at,
        "finished_at": run.at,
        "duration_seconds": run.duration_seconds,
        "datasets": run.datasets,
        "received_bytes": run.received_bytes,
        "steps": run.steps,
        "resumed": run.resumed,
        "retries": run.retries,
        "refused": run.refused,
        "failed": run.failed,
        "destroyed": run.destroyed,
        "error": clip(run.error, MAX_TEXT_CHARS),
        "hint": clip(run.hint, MAX_TEXT_CHARS),
        "reason": run.reason,
    }


def _dataset(name: str, dataset: DatasetState, job: JobState, now: float) -> Json:
    seen = dataset.observed
    row: Json = {
        "dataset": name,
        "source": seen.source if seen else None,
        "newest_at": seen.newest_at if seen else None,
        "source_newest_at": seen.source_newest_at if seen else None,
        "age_seconds": None,
        "lag_seconds": None,
        "snapshots": seen.snapshots if seen else None,
        "used_bytes": seen.used_bytes if seen else None,
        "snapshots_bytes": seen.snapshots_bytes if seen else None,
        "missing_seconds": seen.missing_seconds if seen else None,
        "up_to_date": job.up_to_date(dataset),
        "observed_at": seen.at if seen else None,
    }
    if seen is not None and seen.newest_at is not None:
        row["age_seconds"] = max(now - seen.newest_at, 0)
        # With a host that is away the source goes on, and what was no lag then is no lag that anybody knows.
        if seen.source_newest_at is not None and job.was_seen(dataset):
            row["lag_seconds"] = max(seen.source_newest_at - seen.newest_at, 0)
    return row


def _transfer(transfer: Transfer) -> Json:
    start = transfer.start
    return {
        "dataset": start.dataset,
        "kind": start.kind,
        "base": start.base,
        "to": start.to,
        "started_at": start.at,
        "progress_at": transfer.progress_at,
        "moved_bytes": transfer.moved_bytes,
        "expected_bytes": transfer.expected_bytes,
        "bytes_per_second": transfer.bytes_per_second,
    }


def _problem(kind: str, at: float, reason: str, message: str, *, hint: str = "", dataset: str = "") -> Json:
    return {
        "kind": kind,
        "at": at,
        "dataset": dataset,
        "reason": reason,
        "message": clip(message, MAX_TEXT_CHARS),
        "hint": clip(hint, MAX_TEXT_CHARS),
    }
