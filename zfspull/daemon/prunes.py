"""Retention on request: not a run, but under the same lock, so that it and a run of the job exclude each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import structlog

from zfspull.daemon.follow import Follower
from zfspull.daemon.lock import job_lock
from zfspull.errors import TransientError, ZfspullError


if TYPE_CHECKING:
    from pathlib import Path

    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.daemon.work import Work
    from zfspull.events import Event, EventSink
    from zfspull.plan.missing import Fate
    from zfspull.plan.prune import DatasetPrune, LimitExceeded
    from zfspull.pull.prune import PruneReport
    from zfspull.zfs.model import Snapshot


_log = structlog.get_logger("zfspull.daemon")


class Prunes:
    """The prunes under way: at most one for each job."""

    def __init__(self, *, work: Work, events: EventSink, locks: Path, new_run_id: Callable[[], str]) -> None:
        self._work = work
        self._events = events
        self._locks = locks
        self._new_run_id = new_run_id
        self._tasks: dict[str, asyncio.Task[dict[str, Any]]] = {}

    def start(self, job: Job, generation: Generation, *, dry_run: bool, confirmed: bool) -> Follower:
        """Thin the target of `job`; the follower ends with a `prune_reply` or an error, of which `LockedError` is one.

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
    ) -> dict[str, Any]:
        # A dry run changes nothing, and is most wanted while something is going on.
        lock = contextlib.nullcontext() if dry_run else job_lock(self._locks, job.target)
        with generation.used(), lock:
            report = await self._work.prune(
                job, generation, events, run_id=self._new_run_id(), dry_run=dry_run, confirmed=confirmed
            )
        return prune_reply(report)

    def _ended(self, name: str, task: asyncio.Task[dict[str, Any]], follower: Follower) -> None:
        del self._tasks[name]
        if task.cancelled():
            follower.end(TransientError("the daemon is stopping", job=name))
            return
        error = task.exception()
        if error is not None and not isinstance(error, ZfspullError):
            _log.error("prune.crashed", job=name, exc_info=error, hint="this is a bug in zfspull; please report it")
        follower.end(task.result() if error is None else error)


class _Both:
    def __init__(self, sink: EventSink, follower: Follower) -> None:
        self._sinks = (sink, follower)

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)


def prune_reply(report: PruneReport) -> dict[str, Any]:
    """A report for the control socket; its datasets are as in `zfspull prune --json` (docs/reference/cli.md)."""
    sizes = report.freed.values()
    return {
        "destroyed": report.destroyed,
        "skipped": _skipped(report.skipped),
        "exceeded": _exceeded(report.exceeded),
        "unreachable": _unreachable(report.unreachable),
        "freed_bytes": None if None in sizes or not report.freed else sum(size for size in sizes if size is not None),
        "datasets": [
            {**dataset_reply(dataset), "freed_bytes": report.freed.get(dataset.dataset)} for dataset in report.datasets
        ],
        "missing_datasets": [fate_reply(fate) for fate in report.missing],
        "source_destroyed": report.on_source.destroyed,
        "source_skipped": _skipped(report.on_source.skipped),
        "source_exceeded": _exceeded(report.on_source.exceeded),
        "source_datasets": [dataset_reply(dataset) for dataset in report.on_source.datasets],
    }


def dataset_reply(dataset: DatasetPrune) -> dict[str, Any]:
    """What goes and what stays of one dataset, and why."""
    return {
        "dataset": dataset.dataset,
        "whole": dataset.whole,
        "destroy": [_snapshot(snapshot) for snapshot in dataset.destroy],
        "keep": [{**_snapshot(snapshot), "reasons": list(dataset.kept[snapshot.guid])} for snapshot in dataset.stay],
    }


def fate_reply(fate: Fate) -> dict[str, Any]:
    """What becomes of one target dataset that is gone on the source."""
    return {
        "dataset": fate.dataset.name,
        "missing_seconds": fate.seconds,
        "action": fate.action.value,
        "obstacles": list(fate.obstacles),
        "to": fate.to or None,
    }


def _skipped(skipped: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"dataset": dataset, "name": name, "reason": reason} for dataset, name, reason in skipped]


def _exceeded(exceeded: LimitExceeded | None) -> dict[str, Any] | None:
    if exceeded is None:
        return None
    return {"message": exceeded.message, "hint": exceeded.hint, "count": exceeded.count, "limit": exceeded.limit}


def _unreachable(error: ZfspullError | None) -> dict[str, str] | None:
    return {"kind": error.kind, "message": error.message, "hint": error.hint} if error is not None else None


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    # A guid has 64 bits; as a JSON number most readers would round it.
    return {"name": snapshot.name, "guid": str(snapshot.guid), "created_at": snapshot.creation}
