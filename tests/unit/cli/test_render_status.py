from datetime import UTC

import pytest

from zfspull.cli.render_status import only, status_view
from zfspull.cli.terminal import as_text
from zfspull.events import (
    ConfigLoaded,
    DatasetObserved,
    DatasetRefused,
    Noticed,
    Outcome,
    PoolObserved,
    QueueChanged,
    RunFinished,
    RunStarted,
    TransferProgress,
    TransferStarted,
    Trigger,
)
from zfspull.observe.ledger import JobFacts
from zfspull.observe.status import StatusBoard


def _board():
    """The daemon's own board, so that both sides agree on the shape."""
    board = StatusBoard()
    board.declare(
        [JobFacts(name="home", host="gw", interval_seconds=3600), JobFacts(name="vm", host="hv", interval_seconds=None)]
    )
    board.next_run("home", 1360)
    for event in (
        ConfigLoaded(at=1, ok=True, jobs=2),
        QueueChanged(at=900, waiting=0, running=1),
        RunStarted(at=100, job="home", run_id="1", trigger=Trigger.SCHEDULE, host="gw"),
        DatasetObserved(
            at=150, job="home", run_id="1", dataset="b/[b]home", source="z/[b]home", newest_at=50, source_newest_at=50,
            snapshots=3, up_to_date=True,
        ),
        DatasetObserved(
            at=150, job="home", run_id="1", dataset="b/home/vm", source="z/home/vm", newest_at=40, source_newest_at=100,
            snapshots=7, up_to_date=False,
        ),
        DatasetRefused(
            at=150, job="home", run_id="1", dataset="b/home/vm", reason="no_common_base", message="diverged\x1b", hint="rename"
        ),
        Noticed(at=155, job="home", run_id="1", reason="clock", message="clock is off"),
        RunFinished(
            at=160, job="home", run_id="1", outcome=Outcome.REFUSED, started_at=100, datasets=2, received_bytes=0, steps=0,
            resumed=0, retries=0, refused=1, failed=0, destroyed=0,
        ),
        RunStarted(at=900, job="vm", run_id="2", trigger=Trigger.OPERATOR, host="hv"),
        TransferStarted(at=901, job="vm", run_id="2", dataset="b/vm", kind="range", base="@a", to="@b", expected_bytes=2**30),
        TransferProgress(
            at=950, job="vm", run_id="2", dataset="b/vm", moved_bytes=2**29, expected_bytes=2**30, bytes_per_second=2**23
        ),
    ):  # fmt: skip
        board.emit(event)
    return board


def _shown(status, **how):
    return as_text(status_view(status, UTC, **how), 120)


STATUS = _board().snapshot(1000)


def test_one_line_per_job_says_how_it_is():
    """State, last success, next run, lag and datasets of every job at a glance."""
    lines = _shown(STATUS).splitlines()

    assert lines[0] == "2 jobs: 1 running, 0 waiting, 1 job in trouble"
    assert lines[1].split() == ["JOB", "HOST", "STATE", "LAST", "SUCCESS", "NEXT", "RUN", "LAG", "DATASETS"]
    assert lines[2].split() == ["home", "gw", "refused", "-", "in", "6m", "1m", "1", "of", "2", "up", "to", "date"]
    assert lines[3].split() == ["vm", "hv", "running", "-", "-", "-", "-"]


def test_running_transfers_show_their_progress():
    """What is being received shows step, percentage, bytes, rate and time left."""
    line = next(line for line in _shown(STATUS).splitlines() if line.startswith("b/vm"))

    assert line.split() == ["b/vm", "range", "@a", "->", "@b", "50%", "512.0", "MiB", "8.0", "MiB/s", "1m4s"]


def test_only_datasets_that_are_behind_are_listed():
    """A thousand datasets that are fine do not hide the one that is not; on request all are shown."""
    assert "b/[b]home" not in _shown(STATUS)
    line = next(line for line in _shown(STATUS).splitlines() if line.startswith("b/home/vm"))
    assert line.split() == ["b/home/vm", "z/home/vm", "1970-01-01", "00:00:40", "1m", "7", "-", "-"]
    assert "b/[b]home" in _shown(STATUS, every_dataset=True)


def test_a_host_that_is_away_is_not_shown_as_up_to_date():
    """Where the newest run could not look it says since when nobody knows, no lag, and does not list every dataset."""
    board = _board()
    run = RunFinished(
        at=960, job="home", run_id="9", outcome=Outcome.FAILED, started_at=950, datasets=0, received_bytes=0, steps=0,
        resumed=0, retries=0, refused=0, failed=1, destroyed=0, error="gw does not answer", reason="timeout",
    )  # fmt: skip
    board.emit(run)
    status = board.snapshot(1000)

    line = next(line for line in _shown(status).splitlines() if line.startswith("home  "))
    assert line.split() == ["home", "gw", "failed", "-", "in", "6m", "-", "last", "seen", "14m10s", "ago"]
    assert "Datasets that are behind" not in _shown(status)
    assert "b/[b]home" in _shown(status, every_dataset=True)


def test_what_is_wrong_says_what_to_do():
    """Each problem has place, words, reason, age and hint, and can't drive the terminal."""
    shown = _shown(STATUS)

    assert "What is wrong\nhome: b/home/vm: diverged\\x1b (no_common_base, 14m10s ago)\n  hint: rename\n" in shown
    assert "home: clock is off (clock, 14m5s ago)" in shown


def test_a_refused_configuration_is_told_first():
    """An operator who fixed nothing yet sees that the old configuration is in force."""
    board = _board()
    board.emit(ConfigLoaded(at=990, ok=False, jobs=0, message="a.yaml:1:1: x: is unknown\nb.yaml:2:1: y: is unknown"))

    assert _shown(board.snapshot(1000)).splitlines()[1:4] == [
        "the new configuration was refused; the one of 1970-01-01 00:00:01 is in force",
        "  a.yaml:1:1: x: is unknown",
        "  b.yaml:2:1: y: is unknown",
    ]


@pytest.mark.parametrize(
    ("full_at", "line"),
    [
        (None, "pool v\\x1b: 1.2 TiB free"),
        (1000 + 36 * 86400, "pool v\\x1b: 1.2 TiB free, full in about 5 weeks"),
        (1000 + 60, "pool v\\x1b: 1.2 TiB free, full in about 1 hour"),
        (999, "pool v\\x1b: 1.2 TiB free, full now"),
    ],
)
def test_each_pool_has_a_line(full_at, line):
    """What is free and, where that is in sight, when it will be full."""
    board = StatusBoard()
    board.declare([JobFacts(name="home", host="gw", interval_seconds=None, pool="v\x1b")])
    board.emit(PoolObserved(at=1, pool="v\x1b", used_bytes=1, available_bytes=1.2 * 2**40, full_at=full_at))

    assert _shown(board.snapshot(1000)).splitlines()[1] == line


def test_what_a_dataset_takes_is_shown():
    """With one job picked there are the space of each dataset and what its snapshots hold."""
    board = _board()
    seen = board.snapshot(1000)["jobs"]["home"]["datasets"][0]
    board.emit(
        DatasetObserved(
            at=2, job="home", dataset=seen["dataset"], source=seen["source"], newest_at=1, source_newest_at=1,
            snapshots=3, up_to_date=True, used_bytes=3 * 2**30, snapshots_bytes=2**30,
        )
    )  # fmt: skip

    line = next(line for line in _shown(board.snapshot(1000), every_dataset=True).splitlines() if "3.0 GiB" in line)
    assert line.split()[-5:] == ["3", "3.0", "GiB", "1.0", "GiB"]


def test_an_idle_daemon_says_so_in_two_lines():
    """Without transfers, lag and trouble there are no empty tables."""
    assert _shown(StatusBoard().snapshot(1)).splitlines() == [
        "0 jobs: 0 running, 0 waiting, all well",
        "JOB  HOST  STATE  LAST SUCCESS  NEXT RUN  LAG  DATASETS",
    ]


def test_one_job_can_be_picked():
    """`status JOB` shows that job and no other."""
    assert list(only(STATUS, ["vm"])["jobs"]) == ["vm"]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_loses_nothing(columns):
    """On a narrow terminal lines fold, but every name is still there."""
    shown = as_text(status_view(STATUS, UTC), columns)

    assert all(len(line) <= columns for line in shown.splitlines())
    assert "home" in shown
    assert "diverged" in shown
