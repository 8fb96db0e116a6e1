"""Those who watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.doubles.daemon import Work
from zfspull.clock import SystemClock
from zfspull.config.parts import Snapshots
from zfspull.daemon.observers import Observers, status_line
from zfspull.events import Outcome
from zfspull.observe.metrics import Metrics
from zfspull.observe.status import StatusBoard


@pytest.fixture
def finished(work: Work, make_config):
    job = make_config("home").jobs["home"]
    return replace(work.end(job, "r1", Outcome.SUCCESS), started_at=500.0)


class History:
    """Remembers one run."""

    def __init__(self, run):
        self.run = run

    def emit(self, event):
        pass

    def remembered(self, job):
        return (self.run,) if self.run and job == self.run.job else ()

    def last_attempt(self, job):
        return self.run


def test_history_is_shown_after_a_start(finished, make_config):
    """The last run is known as soon as the daemon is up, not only after the next one."""
    board = StatusBoard()
    Observers(History(finished), (board,)).declare(make_config("home", "mail"))

    jobs = board.snapshot(2_000_000.0)["jobs"]
    assert jobs["home"]["last_run"]["run_id"] == "r1"
    assert jobs["mail"]["last_run"] is None


def test_only_a_job_that_takes_snapshots_skips_some(make_config):
    """Who takes no snapshots skips none: there an old recovery point stays a trouble, whatever else is written."""
    metrics = Metrics(version="1", clock=SystemClock())
    config = make_config("takes", "pulls")
    skips = {
        name: job.model_copy(update={"snapshots": Snapshots(take=name == "takes", skip_if_unwritten=True)})
        for name, job in config.jobs.items()
    }
    Observers(History(None), (metrics,)).declare(replace(config, jobs=skips))

    for job, expected in (("takes", 1), ("pulls", 0)):
        assert metrics.registry.get_sample_value("zfspull_job_skips_unwritten", {"job": job}) == expected


@pytest.mark.parametrize(
    ("outcome", "reason", "counts"),
    [
        (Outcome.SUCCESS, "", True),
        (Outcome.FAILED, "shutdown", True),
        (Outcome.CANCELLED, "operator", True),
        (Outcome.CANCELLED, "shutdown", False),
    ],
)
def test_a_run_cut_off_by_a_stop_is_no_attempt(finished, outcome, reason, counts):
    """What a stop of the daemon interrupted is taken up at the next start; nothing else is run twice."""
    history = History(replace(finished, outcome=outcome, reason=reason))
    last = Observers(history, ()).last_completed_attempt("home")

    assert last == (datetime.fromtimestamp(500.0, UTC) if counts else None)


def test_the_status_line_says_what_matters_in_one_line(make_config):
    """`systemctl status` shows how much runs and what comes next."""
    board = StatusBoard()
    observers = Observers(History(None), (board,))
    observers.declare(make_config("home", "mail"))
    assert status_line(board.snapshot(0.0)) == "0 running, 2 idle"

    observers.show_next_runs(["home", "mail"], {"home": 9000.0, "mail": None}.get)
    assert status_line(board.snapshot(0.0)) == "0 running, 2 idle, next home at 02:30Z"
