"""The metrics: a registry of our own, counters that events drive, and the gauges of `gauges`.

Names are an interface: they are listed in docs/reference/metrics.md and change only with an entry in the changelog.
Counters start at 0 with the daemon; what must survive a restart (last success, recovery points, refusals) is a gauge
and comes back through `Metrics.restore`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

from zfspull.clock import Clock
from zfspull.events import (
    SOURCE,
    TARGET,
    ClockCompared,
    ConfigLoaded,
    DatasetDestroyed,
    DatasetFailed,
    Event,
    HostFailed,
    Outcome,
    QueueChanged,
    ResumeDiscarded,
    RetryScheduled,
    RunFinished,
    SnapshotsDestroyed,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from zfspull.observe.books import Books
from zfspull.observe.gauges import JobGauges
from zfspull.observe.labels import RETRY_REASONS, SIDES, label, reason_label, side_label
from zfspull.observe.ledger import JobFacts
from zfspull.observe.pools import PoolGauges
from zfspull.observe.window import RecentMax
from zfspull.plan.steps import StepKind


LAG_WINDOW_SECONDS = 300.0

# (name, help, label besides `job`, the values of it that are known beforehand)
_JOB_COUNTERS: tuple[tuple[str, str, str, Iterable[str]], ...] = (
    ("zfspull_job_runs_total", "Finished runs by result.", "result", tuple(Outcome)),
    ("zfspull_received_bytes_total", "Bytes of streams received, failed ones included.", "", ()),
    ("zfspull_transfers_total", "Steps finished and verified.", "", ()),
    ("zfspull_transfer_failures_total", "Steps failed, by the side that failed.", "side", SIDES),
    ("zfspull_resumes_total", "Steps that went on with an interrupted stream.", "", ()),
    ("zfspull_resumes_discarded_total", "Interrupted receives that were given up.", "", ()),
    ("zfspull_retries_total", "Steps scheduled to be tried again, by reason.", "reason", RETRY_REASONS),
    ("zfspull_dataset_failures_total", "Datasets that a run gave up, by reason.", "reason", ()),
    ("zfspull_datasets_destroyed_total", "Datasets destroyed on the target, missing on the source.", "", ()),
    ("zfspull_snapshots_destroyed_total", "Snapshots destroyed by retention, by side.", "side", (SOURCE, TARGET)),
)

# What each event adds: (counter, value of its second label if it has one, how many if not 1).
_INCREMENTS: Mapping[type[Event], Callable[[Any], tuple[str] | tuple[str, str] | tuple[str, str, float]]] = {
    RunFinished: lambda event: ("zfspull_job_runs_total", event.outcome.value),
    TransferStarted: lambda event: ("zfspull_resumes_total", "", event.kind == StepKind.RESUME),
    TransferFinished: lambda _: ("zfspull_transfers_total",),
    TransferFailed: lambda event: ("zfspull_transfer_failures_total", side_label(event.side)),
    RetryScheduled: lambda event: ("zfspull_retries_total", reason_label(event.reason)),
    ResumeDiscarded: lambda _: ("zfspull_resumes_discarded_total",),
    DatasetFailed: lambda event: ("zfspull_dataset_failures_total", reason_label(event.reason)),
    DatasetDestroyed: lambda _: ("zfspull_datasets_destroyed_total",),
    SnapshotsDestroyed: lambda event: (
        "zfspull_snapshots_destroyed_total",
        side_label(event.side),
        len(event.names),
    ),
}


class Metrics:
    """An event sink that keeps what Prometheus scrapes.

    Attributes:
        registry: what `/metrics` shows.
    """

    def __init__(self, *, version: str, clock: Clock) -> None:
        # `_created` doubles the series and says nothing that anyone asks. (The function has no annotations.)
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._clock = clock
        self._books = Books()
        self._counters = {
            name: Counter(name, text, ["job", key] if key else ["job"], registry=self.registry)
            for name, text, key, _ in _JOB_COUNTERS
        }
        self._connect_failures = Counter(
            "zfspull_ssh_connect_failures_total",
            "Connections to a host that failed, by reason.",
            ["host", "reason"],
            registry=self.registry,
        )
        self._skew = Gauge(
            "zfspull_host_clock_skew_seconds",
            "How far the clock of a host is ahead of the one here (behind if negative), at least.",
            ["host"],
            registry=self.registry,
        )
        self._waiting = self._gauge("zfspull_queue_length", "Runs that wait for their turn.")
        self._running = self._gauge("zfspull_runs_running", "Runs under way.")
        self._reload_ok = self._gauge(
            "zfspull_config_last_reload_successful", "Whether the newest attempt to load the configuration succeeded."
        )
        self._reload_at = self._gauge(
            "zfspull_config_last_reload_success_timestamp_seconds", "When the configuration was last loaded."
        )
        self._lag = RecentMax(LAG_WINDOW_SECONDS)
        lag = self._gauge(
            "zfspull_event_loop_max_lag_seconds", "The longest that the event loop was late within some five minutes."
        )
        lag.set_function(lambda: self._lag.value(self._clock.monotonic()))
        Info("zfspull_build", "The version of zfspull.", registry=self.registry).info({"version": version})
        self.registry.register(PoolGauges(self._books.pools))
        self.registry.register(JobGauges(self._books))
        ProcessCollector(registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def declare(self, jobs: Iterable[JobFacts]) -> frozenset[str]:
        """Know exactly these jobs: every label set known beforehand starts at 0, those of other jobs are removed.

        Returns:
            the names that are new, for the caller to `restore`.
        """
        hosts_before = self._books.hosts
        new, gone = self._books.declare(jobs)
        for name in gone:
            for counter in self._counters.values():
                counter.remove_by_labels({"job": label(name)})
        for name in new:
            for counter_name, _, key, values in _JOB_COUNTERS:
                for value in values if key else ("",):
                    self._count(name, counter_name, value, amount=0)
        for host in hosts_before - self._books.hosts:
            self._connect_failures.remove_by_labels({"host": label(host)})
            self._skew.remove_by_labels({"host": label(host)})
        return new

    def restore(self, events: Iterable[Event]) -> None:
        """Take over what history remembers of a job (`History.remembered`); counters stay as they are."""
        self._books.ledger.restore(events)

    def next_run(self, job: str, at: float | None) -> None:
        """The scheduler says when `job` runs next, in seconds since the epoch; None for never."""
        self._books.next_run(job, at)

    def loop_lag(self, seconds: float) -> None:
        """The watchdog says how late the event loop just was."""
        self._lag.note(seconds, self._clock.monotonic())

    def emit(self, event: Event) -> None:
        """Take note of `event`; what concerns a job that is not declared (any more) is passed over."""
        self._tally(event)
        received = self._books.note(event)
        if not self._books.ledger.knows(event.job):
            return
        if received:
            self._count(event.job, "zfspull_received_bytes_total", amount=received)
        if type(event) in _INCREMENTS:
            self._count(event.job, *_INCREMENTS[type(event)](event))

    def _tally(self, event: Event) -> None:
        match event:
            case HostFailed() if event.host in self._books.hosts:
                self._connect_failures.labels(label(event.host), reason_label(event.reason)).inc()
            case ClockCompared() if event.host in self._books.hosts:
                self._skew.labels(label(event.host)).set(event.skew_seconds)
            case QueueChanged():
                self._waiting.set(event.waiting)
                self._running.set(event.running)
            case ConfigLoaded():
                self._reload_ok.set(event.ok)
                if event.ok:
                    self._reload_at.set(event.at)
            case _:
                pass

    def _count(self, job: str, counter: str, value: str = "", amount: float = 1) -> None:
        labels = (label(job), value) if value else (label(job),)
        self._counters[counter].labels(*labels).inc(amount)
