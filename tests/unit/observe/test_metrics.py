"""The metrics: names are an interface, figures are true, and nothing outlives its job."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from zfspull.clock import SystemClock
from zfspull.events import (
    ClockCompared,
    ConfigLoaded,
    DatasetFailed,
    DatasetObserved,
    DatasetRefused,
    HostFailed,
    Outcome,
    PoolObserved,
    PruneRefused,
    PruneSkipped,
    QueueChanged,
    ResumeDiscarded,
    RetryScheduled,
    RunFinished,
    RunStarted,
    SnapshotsDestroyed,
    TransferFailed,
    TransferFinished,
    TransferProgress,
    TransferStarted,
    Trigger,
)
from zfspull.observe.ledger import JobFacts
from zfspull.observe.metrics import LAG_WINDOW_SECONDS, Metrics
from zfspull.plan.steps import Reason


ROOT = Path(__file__).parents[3]
HOME = JobFacts(name="home", host="gw", interval_seconds=3600.0)
MAIL = JobFacts(name="mail", host="mx", interval_seconds=None)


@pytest.fixture
def metrics(clock):
    sink = Metrics(version="1.2.3", clock=clock)
    sink.declare([HOME, MAIL])
    return sink


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def run_started(run_id="1", at=100.0, job="home"):
    return RunStarted(at=at, job=job, run_id=run_id, trigger=Trigger.SCHEDULE, host="gw")


def run_finished(run_id="1", outcome=Outcome.SUCCESS, at=110.0, job="home"):
    counts = dict.fromkeys(
        ("datasets", "received_bytes", "steps", "resumed", "retries", "refused", "failed", "destroyed"), 0
    )
    return RunFinished(at=at, job=job, run_id=run_id, outcome=outcome, started_at=100.0, **counts)


def transfer_started(kind="full", at=100.0, dataset="a", job="home"):
    return TransferStarted(
        at=at, job=job, run_id="1", dataset=dataset, kind=kind, base="", to="@x", expected_bytes=None
    )


def progress(moved_bytes, at=101.0, dataset="a"):
    return TransferProgress(
        at=at,
        job="home",
        run_id="1",
        dataset=dataset,
        moved_bytes=moved_bytes,
        expected_bytes=None,
        bytes_per_second=1.0,
    )


def transfer_finished(moved_bytes, dataset="a"):
    return TransferFinished(
        at=102.0, job="home", run_id="1", dataset=dataset, kind="full", to="@x", moved_bytes=moved_bytes, seconds=2.0
    )


def transfer_failed(moved_bytes, side="link", dataset="a"):
    return TransferFailed(
        at=102.0,
        job="home",
        run_id="1",
        dataset=dataset,
        kind="full",
        to="@x",
        moved_bytes=moved_bytes,
        side=side,
        reason="gone",
        message="",
    )


def observed(dataset="a", run_id="1", job="home", newest_at=50, source_newest_at=80):
    return DatasetObserved(
        at=105.0,
        job=job,
        run_id=run_id,
        dataset=dataset,
        source="z",
        newest_at=newest_at,
        source_newest_at=source_newest_at,
        snapshots=7,
        up_to_date=False,
    )


def refused(dataset="a", run_id="1", reason="no_common_base"):
    return DatasetRefused(at=104.0, job="home", run_id=run_id, dataset=dataset, reason=reason, message="", hint="")


STREAM = st.tuples(st.lists(st.integers(0, 10**12)).map(sorted), st.booleans(), st.integers(0, 10**6))


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(STREAM))
def test_bytes_are_counted_once(streams):
    """However progress is reported, the counter grows by what each stream moved, finished or failed."""
    metrics = Metrics(version="1", clock=SystemClock())
    metrics.declare([HOME])
    moved_in_all = 0
    for steps, good, rest in streams:
        metrics.emit(transfer_started())
        for moved_bytes in steps:
            metrics.emit(progress(moved_bytes))
        end = (steps[-1] if steps else 0) + rest
        metrics.emit(transfer_finished(end) if good else transfer_failed(end))
        moved_in_all += end

    assert value(metrics, "zfspull_received_bytes_total", job="home") == moved_in_all


def test_bytes_grow_while_a_stream_runs(metrics):
    """A stream of many hours shows its rate while it runs, not only at its end."""
    metrics.emit(transfer_started())
    metrics.emit(progress(500))

    assert value(metrics, "zfspull_received_bytes_total", job="home") == 500


def test_known_label_sets_start_at_zero(metrics):
    """Counters exist before anything happened, so that the first increase is seen."""
    assert value(metrics, "zfspull_job_runs_total", job="home", result="failed") == 0
    assert value(metrics, "zfspull_received_bytes_total", job="mail") == 0
    assert value(metrics, "zfspull_retries_total", job="home", reason="busy") == 0
    assert value(metrics, "zfspull_retries_total", job="home", reason="stalled_source") == 0
    assert value(metrics, "zfspull_transfer_failures_total", job="home", side="link") == 0
    assert value(metrics, "zfspull_refused_datasets", job="home", reason="no_common_base") == 0
    assert value(metrics, "zfspull_job_last_success_timestamp_seconds", job="home") == 0


def test_a_run_is_seen_from_start_to_end(metrics):
    """Attempt, success, duration and result follow a run."""
    metrics.emit(run_started())
    assert value(metrics, "zfspull_job_running", job="home") == 1
    assert value(metrics, "zfspull_job_last_attempt_timestamp_seconds", job="home") == 100
    metrics.emit(run_finished())

    assert value(metrics, "zfspull_job_running", job="home") == 0
    assert value(metrics, "zfspull_job_last_success_timestamp_seconds", job="home") == 110
    assert value(metrics, "zfspull_job_last_duration_seconds", job="home") == 10
    assert value(metrics, "zfspull_job_runs_total", job="home", result="success") == 1
    metrics.emit(run_finished("2", Outcome.FAILED, at=200.0))
    assert value(metrics, "zfspull_job_last_success_timestamp_seconds", job="home") == 110
    assert value(metrics, "zfspull_job_last_result", job="home", result="failed") == 1
    assert value(metrics, "zfspull_job_last_result", job="home", result="success") == 0


def test_a_removed_job_leaves_no_label_set(metrics):
    """After a reload without the job no series speaks of it, nor of its datasets or its host."""
    for event in (
        run_started(),
        transfer_started(),
        progress(5),
        observed("tank/home"),
        refused(),
        DatasetFailed(at=1.0, job="home", dataset="b", reason="odd", message="", hint="", attempts=1),
        HostFailed(at=1.0, job="home", host="gw", reason="timeout", message=""),
        RetryScheduled(at=1.0, job="home", dataset="a", attempt=1, delay_seconds=1.0, reason="never_seen"),
    ):
        metrics.emit(event)
    metrics.next_run("home", 5.0)
    assert b'"home"' in generate_latest(metrics.registry)
    metrics.declare([MAIL])
    metrics.emit(run_finished())
    metrics.emit(HostFailed(at=1.0, host="gw", reason="timeout", message=""))

    text = generate_latest(metrics.registry).decode()
    assert '"home"' not in text
    assert '"gw"' not in text
    assert "tank/home" not in text


def test_a_vanished_dataset_leaves_no_label_set(metrics):
    """A dataset that left the tree takes its series along."""
    metrics.emit(observed("b"))
    metrics.emit(observed("a"))
    metrics.emit(run_finished())
    metrics.emit(observed("a", run_id="2"))
    metrics.emit(run_finished("2"))

    assert value(metrics, "zfspull_dataset_snapshots", job="home", dataset="a") == 7
    assert value(metrics, "zfspull_dataset_snapshots", job="home", dataset="b") is None


def test_the_refusal_gauge_is_cleared_by_a_good_run(metrics):
    """A refusal shows at once and is over when a run gets by without it."""
    metrics.emit(refused())
    assert value(metrics, "zfspull_refused_datasets", job="home", reason="no_common_base") == 1
    metrics.emit(run_finished("1", Outcome.REFUSED))
    assert value(metrics, "zfspull_refused_datasets", job="home", reason="no_common_base") == 1
    metrics.emit(observed(run_id="2"))
    metrics.emit(run_finished("2"))

    assert value(metrics, "zfspull_refused_datasets", job="home", reason="no_common_base") == 0


def test_the_recovery_point_is_the_newest_snapshot_on_the_target(metrics):
    """Lag can be computed from what is really there on both sides; unknown is absent, none is 0."""
    metrics.emit(observed("a"))
    metrics.emit(observed("b", newest_at=None, source_newest_at=None))

    target, source = (f"zfspull_dataset_{side}newest_snapshot_timestamp_seconds" for side in ("", "source_"))
    assert value(metrics, target, job="home", dataset="a") == 50
    assert value(metrics, source, job="home", dataset="a") == 80
    assert value(metrics, target, job="home", dataset="b") == 0
    assert value(metrics, source, job="home", dataset="b") is None


def test_p6_what_the_newest_run_could_not_see_is_not_up_to_date(metrics):
    """P6: while a host is away nothing of it is up to date, after a restart too; the recovery point stays as it is."""
    up_to_date = {"name": "zfspull_dataset_up_to_date", "job": "home", "dataset": "a"}
    seen = dataclasses.replace(observed(), up_to_date=True)
    for event in (run_started(), seen, run_finished()):
        metrics.emit(event)
    assert value(metrics, **up_to_date) == 1
    metrics.emit(run_started("2"))
    assert value(metrics, **up_to_date) == 1
    metrics.emit(run_finished("2", Outcome.FAILED, at=900.0))
    assert value(metrics, **up_to_date) == 0
    assert value(metrics, "zfspull_dataset_newest_snapshot_timestamp_seconds", job="home", dataset="a") == 50

    again = Metrics(version="1", clock=SystemClock())
    again.declare([HOME])
    again.restore([run_finished(), run_finished("2", Outcome.FAILED, at=900.0), seen])
    assert value(again, **up_to_date) == 0


def test_p6_a_dataset_with_a_problem_is_not_up_to_date(metrics):
    """P6: the metric and the status agree that what is refused or failed is not up to date."""
    for event in (run_started(), dataclasses.replace(observed(), up_to_date=True), refused()):
        metrics.emit(event)

    assert value(metrics, "zfspull_dataset_up_to_date", job="home", dataset="a") == 0


def test_a_restart_neither_fires_nor_hides_alerts(metrics):
    """What history remembers brings back success, failure, recovery points and refusals, and counts nothing twice."""
    metrics.restore(
        [run_finished("1"), run_finished("2", Outcome.PARTIAL, at=300.0), observed("a", "2"), refused("b", "2")]
    )

    assert value(metrics, "zfspull_job_last_success_timestamp_seconds", job="home") == 110
    assert value(metrics, "zfspull_job_last_result", job="home", result="partial") == 1
    assert value(metrics, "zfspull_dataset_newest_snapshot_timestamp_seconds", job="home", dataset="a") == 50
    assert value(metrics, "zfspull_refused_datasets", job="home", reason="no_common_base") == 1
    assert value(metrics, "zfspull_job_runs_total", job="home", result="success") == 0


def test_a_stalled_stream_shows_beside_a_lively_one(metrics):
    """The gauge follows the stream that stands still the longest, and goes away with the streams."""
    name = "zfspull_transfer_oldest_progress_timestamp_seconds"
    metrics.emit(transfer_started(dataset="a"))
    metrics.emit(transfer_started(dataset="b"))
    metrics.emit(progress(5, at=110.0, dataset="a"))
    metrics.emit(progress(5, at=120.0, dataset="b"))
    metrics.emit(progress(5, at=900.0, dataset="a"))
    metrics.emit(progress(9, at=900.0, dataset="b"))
    assert value(metrics, name, job="home") == 110
    assert value(metrics, "zfspull_transfers_running", job="home") == 2
    metrics.emit(run_finished())

    assert value(metrics, name, job="home") is None
    assert value(metrics, "zfspull_transfers_running", job="home") == 0


def test_every_counter_counts(metrics):
    """Each kind of trouble and work has its counter."""
    for event in (
        transfer_started("resume"),
        transfer_failed(0, "target"),
        transfer_started("full"),
        transfer_finished(3),
        ResumeDiscarded(at=1.0, job="home", dataset="a", message=""),
        RetryScheduled(at=1.0, job="home", dataset="a", attempt=1, delay_seconds=1.0, reason="busy"),
        DatasetFailed(at=1.0, job="home", dataset="a", reason="quota", message="", hint="", attempts=1),
        SnapshotsDestroyed(at=1.0, job="home", dataset="a", names=("x", "y"), kept=1),
        SnapshotsDestroyed(at=1.0, job="home", dataset="z", names=("x",), kept=1, side="source"),
        HostFailed(at=1.0, job="home", host="gw", reason="timeout", message=""),
    ):
        metrics.emit(event)

    assert value(metrics, "zfspull_resumes_total", job="home") == 1
    assert value(metrics, "zfspull_transfers_total", job="home") == 1
    assert value(metrics, "zfspull_transfer_failures_total", job="home", side="target") == 1
    assert value(metrics, "zfspull_resumes_discarded_total", job="home") == 1
    assert value(metrics, "zfspull_retries_total", job="home", reason="busy") == 1
    assert value(metrics, "zfspull_dataset_failures_total", job="home", reason="quota") == 1
    assert value(metrics, "zfspull_failed_datasets", job="home", reason="quota") == 1
    assert value(metrics, "zfspull_snapshots_destroyed_total", job="home", side="target") == 2
    assert value(metrics, "zfspull_snapshots_destroyed_total", job="home", side="source") == 1
    assert value(metrics, "zfspull_ssh_connect_failures_total", host="gw", reason="timeout") == 1


def test_retention_by_side(metrics):
    """What is refused or skipped on one side says nothing of the other."""
    metrics.emit(PruneRefused(at=1.0, job="home", run_id="1", message="m", hint="h", count=9, limit=3, side="source"))
    metrics.emit(PruneSkipped(at=1.0, job="home", dataset="z", name="x", reason="held", side="source"))
    metrics.emit(observed())
    metrics.emit(run_finished(outcome=Outcome.REFUSED))

    for side, number in (("source", 1), ("target", 0)):
        assert value(metrics, "zfspull_prune_refused", job="home", side=side) == number
        assert value(metrics, "zfspull_prune_skipped_snapshots", job="home", side=side) == number


def test_clock_of_a_host(metrics):
    """The skew is that of the newest look, and goes with the host; a host that no job has is passed over."""
    for skew in (-7200.0, 0.0, 90.5):
        metrics.emit(ClockCompared(at=1.0, job="home", host="gw", skew_seconds=skew))
        assert value(metrics, "zfspull_host_clock_skew_seconds", host="gw") == skew
    metrics.emit(ClockCompared(at=1.0, job="x", host="other", skew_seconds=1.0))
    assert value(metrics, "zfspull_host_clock_skew_seconds", host="other") is None
    metrics.declare([])

    assert value(metrics, "zfspull_host_clock_skew_seconds", host="gw") is None


def test_the_daemon_as_a_whole(metrics):
    """Queue, configuration and version have gauges; a failed reload keeps the time of the last good one."""
    metrics.emit(QueueChanged(at=1.0, waiting=3, running=2))
    metrics.emit(ConfigLoaded(at=7.0, ok=True, jobs=2))
    metrics.emit(ConfigLoaded(at=9.0, ok=False, jobs=2, message="bad"))

    assert value(metrics, "zfspull_queue_length") == 3
    assert value(metrics, "zfspull_runs_running") == 2
    assert value(metrics, "zfspull_config_last_reload_successful") == 0
    assert value(metrics, "zfspull_config_last_reload_success_timestamp_seconds") == 7
    assert value(metrics, "zfspull_build_info", version="1.2.3") == 1


def test_schedule_gauges(metrics):
    """A job without a schedule has no interval, one that will not run has no next run."""
    metrics.next_run("home", 4000.0)
    metrics.next_run("unknown", 4000.0)

    assert value(metrics, "zfspull_job_interval_seconds", job="home") == 3600
    assert value(metrics, "zfspull_job_interval_seconds", job="mail") is None
    assert value(metrics, "zfspull_job_next_run_timestamp_seconds", job="home") == 4000
    assert value(metrics, "zfspull_job_next_run_timestamp_seconds", job="unknown") is None
    metrics.next_run("home", None)
    assert value(metrics, "zfspull_job_next_run_timestamp_seconds", job="home") is None


def test_jobs_that_skip_what_is_unwritten_are_told_apart(metrics):
    """Of a job that takes no snapshots when nothing was written an old recovery point is no trouble, and that shows."""
    metrics.declare([HOME, dataclasses.replace(MAIL, skips_unwritten=True)])

    assert value(metrics, "zfspull_job_skips_unwritten", job="home") == 0
    assert value(metrics, "zfspull_job_skips_unwritten", job="mail") == 1


def test_a_peak_of_lag_stays_for_a_while(clock):
    """A late event loop is seen by a scrape minutes later, and is forgotten after that."""
    metrics = Metrics(version="1", clock=clock)
    metrics.loop_lag(0.5)
    metrics.loop_lag(0.1)
    assert value(metrics, "zfspull_event_loop_max_lag_seconds") == 0.5
    clock.seconds += LAG_WINDOW_SECONDS
    assert value(metrics, "zfspull_event_loop_max_lag_seconds") == 0.5
    clock.seconds += LAG_WINDOW_SECONDS

    assert value(metrics, "zfspull_event_loop_max_lag_seconds") == 0


@pytest.mark.parametrize("bad", ["free text: no space left", "", "X" * 99, "a\nb"])
def test_free_text_is_no_label(metrics, bad):
    """A reason that is no token, or a side that there isn't, becomes "other": labels stay a closed set."""
    metrics.emit(RetryScheduled(at=1.0, job="home", dataset="a", attempt=1, delay_seconds=1.0, reason=bad))
    metrics.emit(transfer_failed(0, side=bad))
    metrics.emit(refused(reason=bad))

    assert value(metrics, "zfspull_retries_total", job="home", reason="other") == 1
    assert value(metrics, "zfspull_transfer_failures_total", job="home", side="other") == 1
    assert value(metrics, "zfspull_refused_datasets", job="home", reason="other") == 1


def test_no_name_breaks_the_exposition(metrics):
    """A dataset name with quotes, line ends or bytes that are no UTF-8 leaves the text parsable."""
    metrics.emit(observed('a"b\nc\\d\udcff'))

    text = generate_latest(metrics.registry).decode("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("zfspull_dataset_snapshots{"))
    assert line == r'zfspull_dataset_snapshots{dataset="a\"b\nc\\d\\udcff",job="home"} 7.0'


def test_no_created_series(metrics):
    """The exposition has no `_created` series, which double the counters and say nothing."""
    metrics.emit(run_finished())

    assert b"_created" not in generate_latest(metrics.registry)


def exported(metrics):
    suffix = {"counter": "_total", "info": "_info"}
    return {
        family.name + suffix.get(family.type, ""): family.type
        for family in metrics.registry.collect()
        if family.name.startswith("zfspull_")
    }


def test_room_of_pools(metrics):
    """What a pool has and when it is full are there for those that jobs receive into; no date, no series."""
    metrics.declare([JobFacts(name="home", host="gw", interval_seconds=None, pool="vault")])
    for pool in ("vault", "other"):
        metrics.emit(PoolObserved(at=1.0, pool=pool, used_bytes=7, available_bytes=3, full_at=50.0))
    assert value(metrics, "zfspull_pool_used_bytes", pool="vault") == 7
    assert value(metrics, "zfspull_pool_available_bytes", pool="vault") == 3
    assert value(metrics, "zfspull_pool_full_timestamp_seconds", pool="vault") == 50
    assert value(metrics, "zfspull_pool_used_bytes", pool="other") is None

    metrics.emit(PoolObserved(at=2.0, pool="vault", used_bytes=7, available_bytes=3, full_at=None))
    assert value(metrics, "zfspull_pool_full_timestamp_seconds", pool="vault") is None


def test_space_of_datasets(metrics):
    """What a dataset takes and what its snapshots hold are as observed; unknown, they are left out."""
    metrics.emit(dataclasses.replace(observed("a"), used_bytes=9, snapshots_bytes=4))
    metrics.emit(observed("b"))

    assert value(metrics, "zfspull_dataset_used_bytes", job="home", dataset="a") == 9
    assert value(metrics, "zfspull_dataset_snapshots_bytes", job="home", dataset="a") == 4
    assert value(metrics, "zfspull_dataset_used_bytes", job="home", dataset="b") is None


def test_the_reference_lists_exactly_what_is_exported(metrics):
    """docs/reference/metrics.md has one row for each metric, with its type, and for no other."""
    text = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(zfspull_\w+)` \| (\w+) \|", text, re.MULTILINE)

    assert sorted(rows) == sorted(exported(metrics).items())


def test_the_runbook_explains_every_refusal():
    """Whoever is woken by a refusal finds its reason in the runbook."""
    text = (ROOT / "docs/runbook.md").read_text()

    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(st.characters()))
def test_any_event_is_taken(one_of_each, text):
    """Whatever is emitted, declared or not, the sink does not raise, and the exposition stays readable."""
    metrics = Metrics(version="1", clock=SystemClock())
    metrics.declare([JobFacts(name=text, host=text, interval_seconds=None)])
    for event in one_of_each(text):
        metrics.emit(event)

    families = text_string_to_metric_families(generate_latest(metrics.registry).decode("utf-8"))
    assert "zfspull_queue_length" in {family.name for family in families}
