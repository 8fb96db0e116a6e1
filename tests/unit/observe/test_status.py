"""The picture that the operator sees."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.events import (
    ConfigLoaded,
    DatasetObserved,
    DatasetRefused,
    HostFailed,
    Noticed,
    Outcome,
    PoolObserved,
    PruneRefused,
    QueueChanged,
    RunFinished,
    RunStarted,
    TransferProgress,
    TransferStarted,
    Trigger,
)
from zfspull.observe.ledger import JobFacts
from zfspull.observe.status import MAX_NOTICES, MAX_TEXT_CHARS, StatusBoard


ROOT = Path(__file__).parents[3]
HOME = JobFacts(name="home", host="gw", interval_seconds=3600.0, pool="backup")


@pytest.fixture
def board():
    board = StatusBoard()
    board.declare([HOME])
    return board


def home(board, now=1000.0):
    return board.snapshot(now)["jobs"]["home"]


def run_started(run_id="1"):
    return RunStarted(at=100.0, job="home", run_id=run_id, trigger=Trigger.OPERATOR, host="gw")


def run_finished(run_id="1", outcome=Outcome.SUCCESS, at=110.0, **more):
    counts = dict.fromkeys(
        ("datasets", "received_bytes", "steps", "resumed", "retries", "refused", "failed", "destroyed"), 0
    )
    return RunFinished(at=at, job="home", run_id=run_id, outcome=outcome, started_at=100.0, **counts, **more)


def pool_observed(pool="backup", used=7):
    return PoolObserved(at=90.0, pool=pool, used_bytes=used, available_bytes=3, full_at=500.0)


def observed(run_id="1", newest_at=900, source_newest_at=960, *, up_to_date=False):
    return DatasetObserved(
        at=105.0,
        job="home",
        run_id=run_id,
        dataset="a",
        source="zroot/a",
        newest_at=newest_at,
        source_newest_at=source_newest_at,
        snapshots=7,
        up_to_date=up_to_date,
    )


def refused(message="m"):
    return DatasetRefused(
        at=104.0, job="home", run_id="1", dataset="a", reason="no_common_base", message=message, hint="h"
    )


def test_a_job_that_never_ran(board):
    """A fresh job is there with nothing known."""
    job = home(board)

    assert (job["state"], job["last_run"], job["running"], job["datasets"]) == ("never", None, None, [])


def test_a_running_transfer_shows_its_progress(board):
    """While a job runs its streams show how far they are and how fast."""
    board.emit(run_started())
    board.emit(TransferStarted(at=101.0, job="home", dataset="a", kind="full", base="", to="@x", expected_bytes=100))
    board.emit(
        TransferProgress(at=102.0, job="home", dataset="a", moved_bytes=40, expected_bytes=100, bytes_per_second=40.0)
    )

    job = home(board)
    assert job["state"] == "running"
    assert (job["running"]["run_id"], job["running"]["trigger"], job["running"]["received_bytes"]) == (
        "1",
        "operator",
        40,
    )
    assert job["running"]["transfers"] == [
        {
            "dataset": "a",
            "kind": "full",
            "base": "",
            "to": "@x",
            "started_at": 101.0,
            "progress_at": 102.0,
            "moved_bytes": 40,
            "expected_bytes": 100,
            "bytes_per_second": 40.0,
        }
    ]
    board.emit(run_finished())
    assert home(board)["running"] is None


def test_lag_and_age(board):
    """Age is from the target's newest snapshot to now, lag from there to the source's newest; unknown is null."""
    board.emit(run_started())
    board.emit(observed())
    assert home(board)["datasets"][0]["age_seconds"] == 100
    assert home(board)["lag_seconds"] == 60
    board.emit(observed(newest_at=None))

    assert home(board)["datasets"][0]["age_seconds"] is None
    assert home(board)["lag_seconds"] is None


def test_what_could_not_be_pulled_is_not_up_to_date(board):
    """A dataset with a problem is never shown as up to date (P6)."""
    board.emit(run_started())
    board.emit(observed(up_to_date=True))
    assert home(board)["datasets"][0]["up_to_date"] is True
    board.emit(refused())

    assert home(board)["datasets"][0]["up_to_date"] is False


def test_p6_what_the_newest_run_could_not_see_is_not_up_to_date(board):
    """P6: while a host is away nothing of it is up to date and no lag is known; what was seen last stands there with its time."""
    for event in (run_started(), observed(newest_at=960, up_to_date=True), run_finished()):
        board.emit(event)
    seen = home(board)
    assert (seen["lag_seconds"], seen["observed_at"], seen["datasets"][0]["up_to_date"]) == (0, 105.0, True)

    board.emit(run_finished("2", Outcome.FAILED, at=5000.0, error="gw does not answer"))

    away = home(board, now=6000.0)
    (dataset,) = away["datasets"]
    assert (away["lag_seconds"], away["observed_at"]) == (None, 105.0)
    assert (dataset["lag_seconds"], dataset["up_to_date"], dataset["observed_at"]) == (None, False, 105.0)
    assert (dataset["newest_at"], dataset["source_newest_at"], dataset["age_seconds"]) == (960, 960, 5040.0)


def test_problems_say_what_is_wrong_and_end(board):
    """Each trouble is listed with reason and hint until a good run."""
    board.emit(run_started())
    board.emit(HostFailed(at=101.0, job="home", run_id="1", host="gw", reason="timeout", message="no answer"))
    board.emit(Noticed(at=101.0, job="home", run_id="1", reason="clock_skew", message="clocks differ"))
    board.emit(refused())
    board.emit(PruneRefused(at=105.0, job="home", run_id="1", message="too many", hint="confirm", count=9, limit=3))
    board.emit(run_finished(outcome=Outcome.REFUSED, error="a: m"))
    assert [(problem["kind"], problem["reason"]) for problem in home(board)["problems"]] == [
        ("refused", "no_common_base"),
        ("prune_refused", "max_destroy"),
        ("host", "timeout"),
        ("notice", "clock_skew"),
    ]
    board.emit(run_started("2"))
    board.emit(observed("2"))
    board.emit(run_finished("2"))

    assert home(board)["problems"] == []


def test_a_run_that_failed_as_a_whole_is_a_problem(board):
    """When no dataset explains a failure the run itself does."""
    board.emit(run_finished(outcome=Outcome.FAILED, error="gw does not answer", hint="is it on?", reason="timeout"))

    (problem,) = home(board)["problems"]
    assert (problem["kind"], problem["message"], problem["hint"]) == ("run", "gw does not answer", "is it on?")


def test_a_run_that_failed_as_a_whole_is_told_beside_old_trouble(board):
    """A dataset's trouble of an earlier run hides nothing of what ended this one."""
    board.emit(run_started())
    board.emit(refused())
    board.emit(run_finished(outcome=Outcome.REFUSED, error="a: m"))
    board.emit(run_started("2"))
    board.emit(run_finished("2", outcome=Outcome.FAILED, error="gw does not answer", reason="timeout"))

    assert [(one["kind"], one["reason"]) for one in home(board)["problems"]] == [
        ("run", "timeout"), ("refused", "no_common_base"),
    ]  # fmt: skip


def test_memory_is_bounded(board):
    """Endless notices and texts do not make the picture grow for ever."""
    for number in range(10 * MAX_NOTICES):
        board.emit(Noticed(at=float(number), job="home", reason="x", message="m" * 10 * MAX_TEXT_CHARS))

    assert len(home(board)["problems"]) == MAX_NOTICES
    assert len(json.dumps(board.snapshot(0.0))) < 2 * MAX_NOTICES * MAX_TEXT_CHARS


def test_a_removed_job_is_gone(board):
    """After a reload without it a job is not shown, though its run may still end."""
    board.emit(run_started())
    board.next_run("home", 5.0)
    board.declare([])
    board.emit(run_finished())
    board.emit(Noticed(at=1.0, job="home", reason="x", message="m"))
    board.next_run("home", 5.0)
    assert board.snapshot(0.0)["jobs"] == {}
    board.declare([HOME])

    assert home(board)["state"] == "never"
    assert home(board)["next_run_at"] is None
    assert home(board)["problems"] == []


def test_restored_from_history(board):
    """After a restart the last run, the last success and the recovery points are known."""
    board.restore([run_finished("1"), run_finished("2", Outcome.FAILED, at=500.0, error="e"), observed("1")])

    job = home(board)
    assert (job["state"], job["last_success_at"], job["last_run"]["run_id"]) == ("failed", 110.0, "2")
    assert job["datasets"][0]["newest_at"] == 900


def test_the_daemon_as_a_whole(board):
    """Queue, schedule and configuration are shown; a rejected reload says why and since when the old one runs."""
    board.emit(QueueChanged(at=1.0, waiting=2, running=1))
    board.emit(ConfigLoaded(at=7.0, ok=True, jobs=1))
    board.emit(ConfigLoaded(at=9.0, ok=False, jobs=1, message="home.yaml:1:1: bad"))
    board.next_run("home", 4000.0)

    picture = board.snapshot(1000.0)
    assert picture["version"] == 1
    assert picture["at"] == 1000.0
    assert picture["queue"] == {"waiting": 2, "running": 1}
    assert picture["config"] == {"ok": False, "loaded_at": 7.0, "message": "home.yaml:1:1: bad"}
    assert picture["jobs"]["home"]["next_run_at"] == 4000.0


def keys(value):
    if isinstance(value, dict):
        return {key: keys(inner) for key, inner in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


def test_pools_that_jobs_receive_into_are_shown(board):
    """The newest look at each; a pool of no declared job is passed over, and goes when its last job goes."""
    for event in (pool_observed(), pool_observed("other"), pool_observed(used=8)):
        board.emit(event)

    shown = board.snapshot(1000.0)["pools"]
    board.declare([])

    assert shown == {"backup": {"used_bytes": 8, "available_bytes": 3, "full_at": 500.0, "observed_at": 90.0}}
    assert board.snapshot(1000.0)["pools"] == {}


def test_the_documented_example_has_the_real_shape(board):
    """docs/reference/status.md shows exactly the keys that there are."""
    text = (ROOT / "docs/reference/status.md").read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    board.emit(run_started())
    board.emit(observed())
    board.emit(run_finished())
    board.emit(run_started("2"))
    board.emit(TransferStarted(at=101.0, job="home", dataset="a", kind="full", base="", to="@x", expected_bytes=100))
    board.emit(pool_observed())

    assert keys(json.loads(json.dumps(board.snapshot(1000.0)))) == keys(example)


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(st.characters()))
def test_any_event_leaves_a_picture_that_is_json(one_of_each, text):
    """Whatever is emitted, declared or not, the board takes it and can be asked."""
    board = StatusBoard()
    board.declare([JobFacts(name=text, host="gw", interval_seconds=None)])
    for event in one_of_each(text):
        board.emit(event)

    assert json.loads(json.dumps(board.snapshot(1.0)))["version"] == 1
