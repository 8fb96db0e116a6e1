"""The run history: what it keeps over a restart, and that nothing about its file stops the daemon."""

import contextlib
import sqlite3
import threading

import pytest
from structlog.testing import capture_logs

from zfspull.daemon import history as module
from zfspull.daemon.history import History
from zfspull.events import (
    DatasetObserved,
    DatasetRefused,
    Outcome,
    PoolObserved,
    PruneRefused,
    RunFinished,
    RunStarted,
    Trigger,
)
from zfspull.plan.space import Sample


class StoppedClock:
    def __init__(self):
        self.seconds = 1_000_000.0

    def now(self):
        return self.seconds

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        raise AssertionError


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.sqlite"


@pytest.fixture
def open_history(path, clock):
    opened = []

    def make():
        opened.append(History(path, clock))
        return opened[-1]

    yield make
    for history in opened:
        history.close()


def run_started(run_id, job="home", trigger=Trigger.SCHEDULE):
    return RunStarted(at=999_000.0, job=job, run_id=run_id, trigger=trigger, host="gw")


def run_finished(run_id, outcome=Outcome.SUCCESS, at=1_000_000.0, job="home", error=""):
    return RunFinished(
        at=at,
        job=job,
        run_id=run_id,
        outcome=outcome,
        started_at=at - 10,
        datasets=2,
        received_bytes=2**50,
        steps=3,
        resumed=1,
        retries=4,
        refused=5,
        failed=6,
        destroyed=7,
        error=error,
        hint="h",
        reason="busy",
    )


def observed(run_id, dataset="a", job="home"):
    return DatasetObserved(
        at=5.0,
        job=job,
        run_id=run_id,
        dataset=dataset,
        source="z",
        newest_at=1,
        source_newest_at=None,
        snapshots=3,
        up_to_date=True,
    )


def refused(run_id, dataset="b"):
    return DatasetRefused(at=5.0, job="home", run_id=run_id, dataset=dataset, reason="r", message="m", hint="h")


def feed(history, *events):
    for event in events:
        history.emit(event)
    if history._writer is not None:
        history._writer.submit(lambda: None).result()  # what was handed over is written


def recorded(path, job="home"):
    """The runs of a job in the file, newest first: run, trigger, host and error."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        statement = "SELECT run_id, trigger, host, error FROM runs WHERE job = ? ORDER BY rowid DESC"
        return connection.execute(statement, (job,)).fetchall()


def run_ids(path, job="home"):
    return [row[0] for row in recorded(path, job)]


def last_success(history, job="home"):
    runs = [event for event in history.remembered(job) if isinstance(event, RunFinished)]
    return next((run for run in runs if run.outcome is Outcome.SUCCESS), None)


def observations(history, job="home"):
    return [event for event in history.remembered(job) if isinstance(event, DatasetObserved)]


def test_a_restart_forgets_nothing_that_counts(open_history, clock):
    """Last success, last attempt, recovery points and problems are the same after a restart."""
    prune = PruneRefused(at=5.0, job="home", run_id="2", message="m", hint="h", count=9, limit=3)
    history = open_history()
    feed(history, run_started("1"), observed("1"), run_finished("1"))
    feed(history, run_started("2"), observed("2"), refused("2"), prune, run_finished("2", Outcome.PARTIAL, 1_000_100.0))
    clock.seconds += 100
    before = history.remembered("home")
    history.close()
    again = open_history()

    assert last_success(again) == run_finished("1")
    assert again.last_attempt("home") == run_finished("2", Outcome.PARTIAL, 1_000_100.0)
    assert observations(again) == [observed("2")]
    assert set(again.remembered("home")) == set(before)
    assert {refused("2"), prune} <= set(before)
    assert again.trouble == ""


def test_every_run_is_recorded_with_its_start(open_history, path):
    """The file says of each run why it was started and from where it pulled, as far as that is known."""
    history = open_history()
    feed(history, run_started("1", trigger=Trigger.OPERATOR), run_finished("1", at=1.0))
    feed(history, run_started("2", trigger=Trigger.CATCH_UP), run_finished("2", at=2.0))
    feed(history, run_finished("3", at=3.0), run_finished("x", job="other"))

    assert recorded(path) == [("3", "operator", "", ""), ("2", "catch_up", "gw", ""), ("1", "operator", "gw", "")]
    assert run_ids(path, "other") == ["x"]


def test_an_unknown_job_has_no_history(open_history):
    """Asking for a job that never ran is no error."""
    history = open_history()

    assert (last_success(history, "x"), history.last_attempt("x")) == (None, None)
    assert (observations(history, "x"), history.remembered("x")) == ([], ())


def test_old_runs_go_but_never_the_last_success_or_attempt(open_history, path, monkeypatch):
    """A job keeps so many of its newest runs, and its last success however long ago that was."""
    monkeypatch.setattr(module, "MAX_RUNS_PER_JOB", 3)
    history = open_history()
    feed(history, run_finished("good", at=1.0), run_finished("other", at=1.0, job="other"))
    feed(history, *(run_finished(f"{number}", Outcome.FAILED, at=10.0 + number) for number in range(9)))

    assert run_ids(path) == ["8", "7", "6", "good"]
    assert run_ids(path, "other") == ["other"]


def test_jobs_gone_for_a_year_are_forgotten(open_history, monkeypatch):
    """A job that has not run for longer than the retention leaves nothing behind; others are untouched."""
    monkeypatch.setattr("zfspull.daemon.history_file.NEWEST_RUNS", 2)
    later = 1_000_000.0 + module.MAX_AGE_SECONDS + 1
    history = open_history()
    feed(history, observed("1"), run_finished("1"))
    feed(history, run_finished("2", job="mail", at=later), observed("3", job="mail"))
    feed(history, run_finished("3", job="mail", at=later + 60))
    history.close()
    again = open_history()

    assert again.remembered("home") == ()
    assert observations(again, "mail") == [observed("3", job="mail")]


def test_a_boot_with_a_clock_far_ahead_forgets_nothing(open_history, clock):
    """Age is told by the runs in the file: a clock that was wrong, and a run or two by it, cost no job its history."""
    history = open_history()
    feed(history, observed("1"), run_finished("1"), run_finished("2", job="mail"))
    history.close()
    clock.seconds += 2 * module.MAX_AGE_SECONDS
    wrong = open_history()
    feed(wrong, run_finished("3", job="mail", at=clock.seconds))
    wrong.close()
    still_wrong = open_history()
    still_wrong.close()
    clock.seconds = 1_000_000.0
    mended = open_history()

    assert last_success(mended) == run_finished("1")
    assert observations(mended) == [observed("1")]


def test_the_newest_run_is_the_one_recorded_last(open_history, path, clock, monkeypatch):
    """A run that ended while the clock was ahead is the newest until the next one, and goes like any other."""
    monkeypatch.setattr(module, "MAX_RUNS_PER_JOB", 3)
    history = open_history()
    feed(history, run_finished("ahead", at=clock.seconds + 400 * 86400))
    feed(history, run_finished("good"), run_finished("bad", Outcome.FAILED, 1_000_001.0))
    clock.seconds += 10
    history.close()
    again = open_history()

    assert (last_success(again).run_id, again.last_attempt("home").run_id) == ("good", "bad")
    feed(again, *(run_finished(f"{number}", Outcome.FAILED) for number in range(3)))
    assert run_ids(path) == ["2", "1", "0", "good"]


def test_what_is_remembered_never_lies_in_the_future(open_history, clock):
    """A success dated ahead by a wrong clock counts from the restart on, so that an alert that waits for the next can fire."""
    history = open_history()
    feed(history, run_finished("ahead", at=clock.seconds + 86400))
    history.close()
    shown = last_success(open_history())

    assert (shown.at, shown.started_at) == (clock.seconds, clock.seconds - 10)


def test_a_vanished_dataset_is_not_brought_back(open_history):
    """What the newest run no longer spoke of is not restored."""
    history = open_history()
    feed(history, observed("1", "a"), observed("1", "b"), run_finished("1"))
    feed(history, observed("2", "a"), run_finished("2"))
    history.close()

    assert observations(open_history()) == [observed("2", "a")]


@pytest.mark.parametrize("text", ["\udcff broken", "x" * 10**6, "a\x00b", "'; DROP TABLE runs; --"])
def test_any_text_can_be_kept(open_history, path, text):
    """An error message of whatever bytes and length is recorded, and the next one too."""
    history = open_history()
    feed(history, run_finished("1", error=text), run_finished("2", at=1_000_001.0))

    assert run_ids(path) == ["2", "1"]
    assert len(recorded(path)[1][3]) < 5000
    assert history.trouble == ""


def damage_header(path):
    path.write_bytes(b"this is no database at all" * 100)


def damage_pages(path):
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(bytes(data))


def newer(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def foreign(path):
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "label"),
    [(damage_header, "damaged"), (damage_pages, "damaged"), (newer, "version-99"), (foreign, "foreign")],
)
def test_a_file_that_cannot_be_used_is_moved_aside(open_history, path, spoil, label):
    """A damaged, newer or foreign file is kept under another name with a warning, and a new history begins."""
    history = open_history()
    feed(history, run_finished("1"))
    history.close()
    spoil(path)
    with capture_logs() as logs:
        again = open_history()

    assert [entry["event"] for entry in logs] == ["history.moved_aside"]
    assert path.with_name(f"history.sqlite.{label}").exists()
    assert again.last_attempt("home") is None
    feed(again, run_finished("2"))
    assert run_ids(path) == ["2"]


@pytest.mark.parametrize("kind", ["missing directory", "a directory"])
def test_without_a_file_the_daemon_runs_on(open_history, path, clock, kind):
    """Where no file can be, everything but the record works, and the trouble is told."""
    where = path / "deeper" / "history.sqlite" if kind == "missing directory" else path.parent
    with capture_logs() as logs:
        history = History(where, clock)
    feed(history, run_started("1"), observed("1"), run_finished("1"))

    assert last_success(history) == run_finished("1")
    assert "can't be opened" in history.trouble
    assert [entry["log_level"] for entry in logs] == ["warning"]
    history.close()


def test_an_odd_record_hides_no_other(open_history, path):
    """A row that another version or a hand wrote is skipped, the rest is read."""
    history = open_history()
    feed(history, observed("1", "a"), observed("1", "b"), run_finished("1", at=1.0), run_finished("2", at=2.0))
    history.close()
    with sqlite3.connect(path) as connection:
        connection.execute('UPDATE facts SET record = \'{"type": "Future"}\' WHERE position = 0')
        connection.execute("UPDATE runs SET outcome = 'splendid', finished_at = 1000001 WHERE run_id = '2'")
        connection.execute("UPDATE runs SET finished_at = 1000000 WHERE run_id = '1'")
    connection.close()
    with capture_logs() as logs:
        again = open_history()

    assert [entry["event"] for entry in logs] == ["history.record_ignored"]
    assert len(observations(again)) == 1
    assert again.last_attempt("home").run_id == "1"


def test_a_locked_file_stops_nothing_and_is_not_thrown_away(open_history, path, monkeypatch):
    """While another process holds the file a run may be lost, which is told; the file stays and serves again."""
    monkeypatch.setattr("zfspull.daemon.history_file.BUSY_TIMEOUT_SECONDS", 0.2)
    history = open_history()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with capture_logs():
        feed(history, run_finished("1"))
        assert "locked" in history.trouble
    other.execute("ROLLBACK")
    other.close()
    feed(history, run_finished("2"))

    assert history.trouble == ""
    assert run_ids(path) == ["2"]


def test_nothing_is_written_by_the_thread_that_emits(open_history, monkeypatch):
    """The disk is touched by the history's own thread only, so that the event loop never waits for it (P9)."""
    history = open_history()
    threads = []
    save = history._save
    monkeypatch.setattr(history, "_save", lambda *args: (threads.append(threading.current_thread()), save(*args)))
    feed(history, run_finished("1"))

    assert threads
    assert threading.current_thread() not in threads


def test_after_close_nothing_breaks(open_history, path):
    """Late events and a second close are harmless."""
    history = open_history()
    history.close()
    feed(history, run_finished("1"))
    history.close()

    assert run_ids(path) == []


def pool_observed(used, at=1_000_000.0, pool="vault"):
    return PoolObserved(at=at, pool=pool, used_bytes=used, available_bytes=5, full_at=None)


def test_what_was_seen_of_a_pool_is_kept(open_history):
    """Over a restart too, for each pool by itself, oldest first."""
    history = open_history()
    for event in (pool_observed(1), pool_observed(2, 1_003_600.0), pool_observed(9, 1_003_700.0, "attic")):
        history.emit(event)
    history.close()

    assert open_history().past_of_pool("vault") == [Sample(1_000_000.0, 1), Sample(1_003_600.0, 2)]


def test_what_was_seen_of_pools_is_bounded(open_history):
    """What is two months old goes, and so does what a wrong clock has dated ahead."""
    history = open_history()
    for event in (pool_observed(1), pool_observed(2, 9e9), pool_observed(3, 1_000_100.0)):
        feed(history, event)
    assert history.past_of_pool("vault") == [Sample(1_000_100.0, 3)]  # 9e9 had pushed out the first

    feed(history, pool_observed(4, 1_000_100.0 + 61 * 86400))
    assert [sample.used_bytes for sample in history.past_of_pool("vault")] == [4]


def test_a_history_from_before_pools_were_looked_at_goes_on(path, open_history):
    """A file without the table of samples gets it, and keeps its runs."""
    first = open_history()
    first.emit(run_finished("1"))
    first.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE samples")
        connection.commit()

    history = open_history()
    feed(history, pool_observed(1))

    assert (run_ids(path), len(history.past_of_pool("vault"))) == (["1"], 1)


def test_a_size_beyond_all_measure_stops_nothing(open_history):
    """What SQLite can't hold is trouble that is shown, not a crash."""
    history = open_history()
    feed(history, pool_observed(2**64 - 1))

    assert "vault" in history.trouble
