"""The run history: what happened to each job, kept over restarts.

An event sink that never waits for the disk: what a run left behind is written by a thread of its own when the run
ends, in one transaction. Trouble with the file never stops anything; it is logged and shown as `History.trouble`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path

from zfspull.clock import Clock
from zfspull.daemon.history_file import RUN_COLUMNS, HistoryFile, Row, UnusableError, move_aside, open_file
from zfspull.events import Event, PoolObserved, PruneRefused, RunFinished, RunStarted, Trigger
from zfspull.log import log
from zfspull.observe.ledger import Ledger
from zfspull.observe.record import from_record, to_record
from zfspull.observe.text import clip
from zfspull.plan.space import WINDOW_SECONDS, Sample


MAX_RUNS_PER_JOB = 1000
MAX_AGE_SECONDS = 400 * 86400.0
MAX_TEXT_CHARS = 4000
SOME_RUNS = 10
"""So many are read to find one that can be understood."""
MAX_SAMPLE_AGE_SECONDS = 2 * WINDOW_SECONDS


class History:
    """The finished runs of all jobs, and the newest word on each dataset.

    Attributes:
        trouble: why the history is not kept (completely), "" if it is.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.trouble = ""
        self._clock = clock
        self._ledger = Ledger()
        self._started: dict[str, RunStarted] = {}
        self._writer: ThreadPoolExecutor | None = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._file = self._open(path)
        self._load()

    def _open(self, path: Path) -> HistoryFile | None:
        try:
            try:
                return open_file(path)
            except UnusableError as error:
                moved = move_aside(path, error.label)
                log().warning("history.moved_aside", path=str(path), to=str(moved), error=str(error))
                return open_file(path)
        except (OSError, sqlite3.Error, UnusableError) as error:
            self._in_trouble(f"the history {path} can't be opened, runs are not recorded: {error}")
            return None

    def _load(self) -> None:
        if self._file is None:
            return
        try:
            self._file.forget_jobs(after_seconds=MAX_AGE_SECONDS)
            for job in self._file.jobs():
                self._ledger.restore(self._saved(self._file, job))
        except sqlite3.Error as error:
            self._in_trouble(f"the history can't be read: {error}")

    def _saved(self, file: HistoryFile, job: str) -> Iterator[Event]:
        """In the order that a ledger wants: last success, last run, facts."""
        yield from islice(_readable(file.runs(job, SOME_RUNS, succeeded_only=True)), 1)
        yield from islice(_readable(file.runs(job, SOME_RUNS)), 1)
        for text in file.facts(job):
            try:
                yield from_record(json.loads(text))
            except ValueError as error:
                log().warning("history.record_ignored", job=job, error=str(error))

    def emit(self, event: Event) -> None:
        """Remember `event`; at the end of a run, hand what is to be kept to the writing thread."""
        self._ledger.note(event)
        if isinstance(event, RunStarted):
            self._started[event.job] = event
        elif isinstance(event, RunFinished):
            started = self._started.pop(event.job, None)
            self._submit(event.job, _row(event, started))
        elif isinstance(event, PruneRefused):
            self._submit(event.job, None)
        elif isinstance(event, PoolObserved) and self._file is not None and self._writer is not None:
            self._writer.submit(self._save_sample, self._file, event)

    def _submit(self, job: str, run: Row | None) -> None:
        if self._file is not None and self._writer is not None and job in self._ledger.jobs:
            # Events are frozen, so the thread may read them while the loop goes on.
            facts = tuple(event for event in self._ledger.jobs[job].events() if not isinstance(event, RunFinished))
            self._writer.submit(self._save, self._file, run, job, facts)

    def _save(self, file: HistoryFile, run: Row | None, job: str, facts: tuple[Event, ...]) -> None:
        """Runs in the writing thread."""
        try:
            records = [json.dumps(to_record(event)) for event in facts]
            file.save(run, job, records, most=MAX_RUNS_PER_JOB)
            self.trouble = ""
        except (sqlite3.Error, OverflowError, ValueError) as error:
            self._in_trouble(f"a run of job {job} can't be recorded: {error}")

    def _save_sample(self, file: HistoryFile, seen: PoolObserved) -> None:
        """Runs in the writing thread."""
        try:
            file.save_sample(seen.pool, seen.at, seen.used_bytes, oldest=seen.at - MAX_SAMPLE_AGE_SECONDS)
        except (sqlite3.Error, OverflowError) as error:
            self._in_trouble(f"a look at pool {seen.pool} can't be recorded: {error}")

    def past_of_pool(self, pool: str) -> list[Sample]:
        """What was seen of a pool in the past weeks, oldest first."""
        if self._file is None:
            return []
        try:
            return [Sample(at, used) for at, used in self._file.samples(pool)]
        except sqlite3.Error as error:
            self._in_trouble(f"the history can't be read: {error}")
            return []

    def _in_trouble(self, message: str) -> None:
        self.trouble = message
        log().warning("history.trouble", message=message)

    def last_attempt(self, job: str) -> RunFinished | None:
        """The newest finished run, whatever its outcome; answered from memory."""
        return self._ledger.jobs[job].last_run if job in self._ledger.jobs else None

    def remembered(self, job: str) -> tuple[Event, ...]:
        """The events that bring `Metrics.restore` and `StatusBoard.restore` to where they were.

        A run that ended later than it is now, by a clock that was wrong, is shown as one that has just ended.
        """
        if job not in self._ledger.jobs:
            return ()
        now = self._clock.now()
        return tuple(_not_after(now, event) for event in self._ledger.jobs[job].events())

    def close(self) -> None:
        """Write what is left and close the file; what is emitted from then on is not kept. Blocks for a moment."""
        if self._writer is not None:
            self._writer.shutdown(wait=True)
            self._writer = None
        if self._file is not None:
            self._file.close()
            self._file = None


def _row(run: RunFinished, started: RunStarted | None) -> Row:
    mine = started is not None and started.run_id == run.run_id
    values: dict[str, object] = {field.name: getattr(run, field.name) for field in fields(run)}
    values["finished_at"] = run.at
    values["outcome"] = run.outcome.value
    values["trigger"] = started.trigger.value if started is not None and mine else Trigger.OPERATOR.value
    values["host"] = started.host if started is not None and mine else ""
    return tuple(_storable(values[column]) for column in RUN_COLUMNS)


def _not_after(now: float, event: Event) -> Event:
    if isinstance(event, RunFinished) and event.at > now:
        return replace(event, at=now, started_at=now - event.duration_seconds)
    return event


def _storable(value: object) -> object:
    """SQLite takes valid UTF-8 only, and texts of a sane length."""
    if isinstance(value, str):
        return clip(value, MAX_TEXT_CHARS).encode("utf-8", "backslashreplace").decode("utf-8")
    return value


def _readable(rows: list[Row]) -> Iterator[RunFinished]:
    for row in rows:
        values = dict(zip(RUN_COLUMNS, row, strict=True))
        del values["trigger"], values["host"]
        try:
            event = from_record({"type": "RunFinished", "at": values.pop("finished_at"), **values})
        except ValueError:
            continue  # written by hand or by another version: one odd row hides no other
        if isinstance(event, RunFinished):
            yield event
