"""The SQLite file of the run history: opening it whatever state it is in, its schema, its statements.

Nothing here knows events or threads; `history` does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zfspull.daemon.owner import make_new_file


SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECONDS = 5.0
MODE = 0o640
NEWEST_RUNS = 100
"""So many runs, of all jobs, must agree on how late it is before a job is forgotten."""

RUN_COLUMNS = (
    "run_id",
    "job",
    "trigger",
    "host",
    "outcome",
    "started_at",
    "finished_at",
    "datasets",
    "received_bytes",
    "steps",
    "resumed",
    "retries",
    "refused",
    "failed",
    "destroyed",
    "error",
    "hint",
    "reason",
)
"""Columns of `runs`: the fields of `RunFinished` (its `at` is `finished_at`) with trigger and host of its start."""

_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, job TEXT NOT NULL, trigger TEXT NOT NULL, host TEXT NOT NULL, outcome TEXT NOT NULL,
    started_at REAL NOT NULL, finished_at REAL NOT NULL, datasets INTEGER NOT NULL, received_bytes INTEGER NOT NULL,
    steps INTEGER NOT NULL, resumed INTEGER NOT NULL, retries INTEGER NOT NULL, refused INTEGER NOT NULL,
    failed INTEGER NOT NULL, destroyed INTEGER NOT NULL, error TEXT NOT NULL, hint TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX runs_by_job ON runs (job, finished_at);
CREATE TABLE facts (job TEXT NOT NULL, position INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (job, position));
"""
# Came later, and is made wherever it is missing: a zfspull that does not know it leaves it alone.
_SAMPLES = """
CREATE TABLE IF NOT EXISTS samples (
    pool TEXT NOT NULL, at REAL NOT NULL, used_bytes INTEGER NOT NULL, PRIMARY KEY (pool, at)
) WITHOUT ROWID
"""
_MARKS = ", ".join("?" * len(RUN_COLUMNS))
_INSERT = f"INSERT OR REPLACE INTO runs ({', '.join(RUN_COLUMNS)}) VALUES ({_MARKS})"  # noqa: S608 - names from above
_SELECT = f"SELECT {', '.join(RUN_COLUMNS)} FROM runs"  # noqa: S608 - names from above
# Which run is the newest is told by the order in which they were recorded, for the clock may have been wrong.
# A job keeps its newest runs, and its last success however long ago it was.
_TRIM = """
DELETE FROM runs WHERE job = :job
    AND rowid NOT IN (SELECT rowid FROM runs WHERE job = :job ORDER BY rowid DESC LIMIT :most)
    AND rowid NOT IN (SELECT rowid FROM runs WHERE job = :job AND outcome = 'success' ORDER BY rowid DESC LIMIT 1)
"""
_FORGET_JOBS = """
DELETE FROM {table} WHERE job NOT IN (SELECT job FROM runs GROUP BY job HAVING MAX(finished_at) >= :oldest)
"""
_EARLIEST = "SELECT MIN(finished_at) FROM (SELECT finished_at FROM runs ORDER BY rowid DESC LIMIT ?)"

Row = tuple[object, ...]


class UnusableError(Exception):
    """The file is no history that this version can use; `label` says what it is, for the name it is moved to."""

    def __init__(self, message: str, label: str) -> None:
        super().__init__(message)
        self.label = label


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """An open history: one connection that writes (from one thread), one that reads; neither waits on the other."""

    writer: sqlite3.Connection
    reader: sqlite3.Connection

    def close(self) -> None:
        """Close both connections."""
        self.reader.close()
        self.writer.close()

    def save(self, run: Row | None, job: str, facts: Sequence[str], *, most: int) -> None:
        """Add a run (in the order of `RUN_COLUMNS`) and replace what is known of its job, all or nothing."""
        with self.writer:
            if run is not None:
                self.writer.execute(_INSERT, run)
                self.writer.execute(_TRIM, {"job": job, "most": most})
            self.writer.execute("DELETE FROM facts WHERE job = ?", (job,))
            self.writer.executemany(
                "INSERT INTO facts (job, position, record) VALUES (?, ?, ?)",
                ((job, position, record) for position, record in enumerate(facts)),
            )

    def save_sample(self, pool: str, at: float, used_bytes: int, *, oldest: float) -> None:
        """Add what was in use in a pool; drop what is older than `oldest`, and what a wrong clock dated after `at`."""
        with self.writer:
            self.writer.execute("DELETE FROM samples WHERE at < ? OR at > ?", (oldest, at))
            self.writer.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", (pool, at, used_bytes))

    def samples(self, pool: str) -> list[tuple[float, int]]:
        """When what was in use in a pool, oldest first."""
        return self.reader.execute("SELECT at, used_bytes FROM samples WHERE pool = ? ORDER BY at", (pool,)).fetchall()

    def forget_jobs(self, *, after_seconds: float) -> None:
        """Drop all of the jobs that ended their last run so long before each of the newest runs in the file."""
        with self.writer:
            earliest = self.writer.execute(_EARLIEST, (NEWEST_RUNS,)).fetchone()[0]
            if earliest is not None:
                oldest = {"oldest": earliest - after_seconds}
                self.writer.execute(_FORGET_JOBS.format(table="facts"), oldest)
                self.writer.execute(_FORGET_JOBS.format(table="runs"), oldest)

    def jobs(self) -> list[str]:
        """Every job that has a run or a fact."""
        return [name for (name,) in self.reader.execute("SELECT job FROM runs UNION SELECT job FROM facts")]

    def runs(self, job: str, limit: int, *, succeeded_only: bool = False) -> list[Row]:
        """The newest runs of a job, newest first: in the order in which they were recorded."""
        success = " AND outcome = 'success'" if succeeded_only else ""
        statement = f"{_SELECT} WHERE job = ?{success} ORDER BY rowid DESC LIMIT ?"
        return self.reader.execute(statement, (job, limit)).fetchall()

    def facts(self, job: str) -> list[str]:
        """What was saved with the newest run of a job."""
        rows = self.reader.execute("SELECT record FROM facts WHERE job = ? ORDER BY position", (job,))
        return [record for (record,) in rows]


def open_file(path: Path) -> HistoryFile:
    """Open the history, or make it for the owner of its directory; SQLite gives what it puts beside it to the same.

    Raises:
        UnusableError: it is damaged, of a newer version, or something else altogether.
        sqlite3.Error, OSError: it can't be opened or written at all, or it is a link.
    """
    _make(path)
    writer = _connect(path)
    try:
        _prepare(writer)
        return HistoryFile(writer, _connect(path))
    except sqlite3.DatabaseError as error:
        writer.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise UnusableError(f"the file is damaged ({error})", "damaged") from error
        raise
    except BaseException:
        writer.close()
        raise


def move_aside(path: Path, label: str) -> Path:
    """Rename a history that can't be used, with its journal; one of each label is kept. Returns its new name."""
    moved = path.with_name(f"{path.name}.{label}")
    path.replace(moved)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(moved.with_name(moved.name + suffix))
    return moved


def _make(path: Path) -> None:
    if path.is_symlink():
        raise _link()
    with suppress(FileExistsError):
        os.close(make_new_file(path, mode=MODE))


def _connect(path: Path) -> sqlite3.Connection:
    # One thread writes, another reads; each connection is used by one of them at a time.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False
    )
    # SQLite follows a link that took the file's place just now, and says so before it has read or written anything.
    opened = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    if opened.name != path.name or not opened.parent.samefile(path.parent):
        connection.close()
        raise _link()
    return connection


def _link() -> OSError:
    return FileExistsError("it is a link, and none is followed; move it away, and a new history begins")


def _prepare(connection: sqlite3.Connection) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version > SCHEMA_VERSION:
        raise UnusableError(f"it was written by a newer zfspull (version {version} of the file)", f"version-{version}")
    if version == 0 and not tables:
        # WAL: readers and the writer don't wait for each other, and a commit costs no sync (NORMAL): after a power
        # cut the newest runs may be missing, which a next run makes good; the file itself stays sound.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif not {"runs", "facts"} <= tables:
        raise UnusableError("it is no history of zfspull", "foreign")
    elif connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise UnusableError("the file is damaged", "damaged")
    connection.execute("PRAGMA synchronous = NORMAL")
    with connection:
        connection.execute(_SAMPLES)
