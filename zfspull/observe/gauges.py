"""The gauges of jobs and datasets, read from the books whenever they are scraped.

Nothing is stored here, so no label set can outlive its job or dataset. A series whose value is unknown is left out
rather than invented: only "when did it last succeed" starts at 0, so that "never" can be asked for.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from zfspull.events import SOURCE, TARGET, DatasetFailed, DatasetObserved, DatasetRefused, Outcome
from zfspull.observe.books import Books
from zfspull.observe.labels import REFUSAL_REASONS, label, reason_label
from zfspull.observe.ledger import JobFacts, JobState
from zfspull.observe.transfers import Transfer


@dataclass(frozen=True, slots=True)
class _Job:
    """All there is to say of one job at the moment of a scrape."""

    facts: JobFacts
    state: JobState
    next_run_at: float | None
    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class _Dataset:
    """All there is to say of one dataset, `name`, at that moment: how a run saw it last, and what that is worth now."""

    job: str
    name: str
    seen: DatasetObserved
    up_to_date: bool


def _last_results(job: _Job) -> Iterator[tuple[str, float]]:
    last = job.state.last_run
    return ((outcome.value, last is not None and last.outcome is outcome) for outcome in Outcome)


def _problems(job: _Job, kind: type[DatasetRefused | DatasetFailed], known: frozenset[str]) -> dict[str, float]:
    problems = (state.problem for state in job.state.datasets.values())
    tally = Tally(reason_label(problem.reason) for problem in problems if isinstance(problem, kind))
    return {reason: float(tally[reason]) for reason in sorted(known | tally.keys())}


_PER_JOB: tuple[tuple[str, str, Callable[[_Job], float | None]], ...] = (
    (
        "zfspull_job_last_success_timestamp_seconds",
        "When the newest successful run ended, 0 if there was none.",
        lambda job: job.state.last_success.at if job.state.last_success else 0,
    ),
    (
        "zfspull_job_last_attempt_timestamp_seconds",
        "When the newest run started, 0 if there was none.",
        lambda job: job.state.attempted_at or 0,
    ),
    (
        "zfspull_job_last_duration_seconds",
        "How long the newest finished run took.",
        lambda job: job.state.last_run.duration_seconds if job.state.last_run else None,
    ),
    ("zfspull_job_running", "Whether a run of the job is under way.", lambda job: job.state.running is not None),
    (
        "zfspull_job_interval_seconds",
        "The longest time between two scheduled runs; left out for a job without a schedule.",
        lambda job: job.facts.interval_seconds,
    ),
    (
        "zfspull_job_skips_unwritten",
        "Whether the job takes no snapshots when nothing was written.",
        lambda job: job.facts.skips_unwritten,
    ),
    (
        "zfspull_job_next_run_timestamp_seconds",
        "When the job runs next; left out if it is not going to.",
        lambda job: job.next_run_at,
    ),
    ("zfspull_transfers_running", "Streams being received.", lambda job: len(job.transfers)),
    (
        "zfspull_transfer_oldest_progress_timestamp_seconds",
        "When the stream that stands still the longest last received a byte; left out while none is running.",
        lambda job: min((transfer.progress_at for transfer in job.transfers), default=None),
    ),
)

_PER_JOB_AND_LABEL: tuple[tuple[str, str, str, Callable[[_Job], Iterator[tuple[str, float]]]], ...] = (
    ("zfspull_job_last_result", "result", "1 for the result of the newest finished run, else 0.", _last_results),
    (
        "zfspull_refused_datasets",
        "reason",
        "Datasets that are refused until a person decides, by reason.",
        lambda job: iter(_problems(job, DatasetRefused, REFUSAL_REASONS).items()),
    ),
    (
        "zfspull_failed_datasets",
        "reason",
        "Datasets that failed in the newest run that tried them, by reason.",
        lambda job: iter(_problems(job, DatasetFailed, frozenset()).items()),
    ),
    (
        "zfspull_prune_refused",
        "side",
        "Whether pruning is refused there because it would destroy more than the job allows.",
        lambda job: iter(
            [(TARGET, job.state.prune_refused is not None), (SOURCE, job.state.source_prune_refused is not None)]
        ),
    ),
    (
        "zfspull_prune_skipped_snapshots",
        "side",
        "Snapshots that retention gives up and the newest run could not destroy (held, cloned, busy).",
        lambda job: ((side, job.state.prune_skipped[side]) for side in (TARGET, SOURCE)),
    ),
)

_PER_DATASET: tuple[tuple[str, str, Callable[[_Dataset], float | None]], ...] = (
    (
        "zfspull_dataset_newest_snapshot_timestamp_seconds",
        "Creation of the newest snapshot that is really on the target: the recovery point; 0 without any.",
        lambda one: one.seen.newest_at or 0,
    ),
    (
        "zfspull_dataset_source_newest_snapshot_timestamp_seconds",
        "Creation of the newest snapshot on the source that the job wants; left out where unknown.",
        lambda one: one.seen.source_newest_at,
    ),
    ("zfspull_dataset_snapshots", "Snapshots on the target.", lambda one: one.seen.snapshots),
    (
        "zfspull_dataset_used_bytes",
        "Space that the dataset takes on the target, with all below it; left out where unknown.",
        lambda one: one.seen.used_bytes,
    ),
    (
        "zfspull_dataset_snapshots_bytes",
        "Space there that nothing but its snapshots holds; left out where unknown.",
        lambda one: one.seen.snapshots_bytes,
    ),
    (
        "zfspull_dataset_missing_seconds",
        "For how long the source has not had the dataset any more, as observed; left out for one that it has.",
        lambda one: one.seen.missing_seconds,
    ),
    (
        "zfspull_dataset_up_to_date",
        "Whether the newest run saw that the target has all that the job wants; 0 if it could not look.",
        lambda one: one.up_to_date,
    ),
)


class JobGauges(Collector):
    """Reads `books` at every scrape."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All families, those without a sample too."""
        books = self._books
        jobs = [
            _Job(facts, books.ledger.jobs[name], books.next_runs.get(name), tuple(books.transfers.of(name)))
            for name, facts in books.ledger.facts.items()
        ]
        for name, text, value_of in _PER_JOB:
            yield _family(name, text, ["job"], (((job.facts.name,), value_of(job)) for job in jobs))
        for name, key, text, values_of in _PER_JOB_AND_LABEL:
            rows = (((job.facts.name, value), number) for job in jobs for value, number in values_of(job))
            yield _family(name, text, ["job", key], rows)
        datasets = list(_datasets(jobs))
        for name, text, of_dataset in _PER_DATASET:
            figures = (((one.job, one.name), of_dataset(one)) for one in datasets)
            yield _family(name, text, ["job", "dataset"], figures)


def _datasets(jobs: list[_Job]) -> Iterator[_Dataset]:
    for job in jobs:
        for name, state in job.state.datasets.items():
            if state.observed is not None:
                yield _Dataset(job.facts.name, name, state.observed, job.state.up_to_date(state))


def _family(
    name: str, text: str, keys: list[str], rows: Iterator[tuple[tuple[str, ...], float | None]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=keys)
    for values, number in rows:
        if number is not None:
            family.add_metric([label(value) for value in values], float(number))
    return family
