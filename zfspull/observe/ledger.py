"""What is known of each job and its datasets, folded from events.

The one place that decides what still holds after a run: which datasets a job has, what is wrong with each, when it
last ran and last succeeded. Metrics, status and history each keep a `Ledger` of their own and read it; here is no
clock, no label and no layout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from zfspull import events
from zfspull.events import (
    DatasetFailed,
    DatasetObserved,
    DatasetRefused,
    Event,
    Outcome,
    PruneRefused,
    PruneSkipped,
    RunFinished,
    RunStarted,
    SnapshotsDestroyed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What the configuration says of a job, as far as an observer needs it.

    Attributes:
        name: the job's name.
        host: the machine that it pulls from.
        interval_seconds: the longest time between two scheduled runs, None for a job without a schedule.
        pool: the pool here that it receives into.
        skips_unwritten: whether it takes no snapshots when nothing was written, so that the newest may be old.
    """

    name: str
    host: str
    interval_seconds: float | None
    pool: str = ""
    skips_unwritten: bool = False


@dataclass(frozen=True, slots=True)
class DatasetState:
    """The newest word on one dataset: what is on the target, and what keeps it from being up to date."""

    observed: DatasetObserved | None = None
    problem: DatasetRefused | DatasetFailed | None = None

    def seen_by(self, run_id: str) -> bool:
        """Whether the run looked at both sides of the dataset and told of it."""
        return self.observed is not None and self.observed.run_id == run_id

    def touched_by(self, run_id: str) -> bool:
        """Whether the run said anything about the dataset."""
        return self.seen_by(run_id) or (self.problem is not None and self.problem.run_id == run_id)

    def after(self, run_id: str) -> DatasetState:
        """What is left when that run settled the matter: a problem that did not come up again is over."""
        over = self.problem is not None and self.problem.run_id != run_id
        return replace(self, problem=None) if over else self


@dataclass(slots=True)
class JobState:
    """What is known of one job.

    Attributes:
        running: the start of the run under way, None between runs.
        attempted_at: when the newest run started, seconds since the epoch.
        last_run: the end of the newest run.
        last_success: the end of the newest run that succeeded.
        prune_refused: the newest refusal to prune the target, None once a run pruned, or found that it may.
        source_prune_refused: likewise the source.
        prune_skipped: by side, how many snapshots the newest run could not destroy.
        datasets: by the name that events give them.
    """

    running: RunStarted | None = None
    attempted_at: float | None = None
    last_run: RunFinished | None = None
    last_success: RunFinished | None = None
    prune_refused: PruneRefused | None = None
    source_prune_refused: PruneRefused | None = None
    prune_skipped: Counter[str] = field(default_factory=Counter)
    skipped_so_far: Counter[str] = field(default_factory=Counter)
    datasets: dict[str, DatasetState] = field(default_factory=dict)

    def was_seen(self, dataset: DatasetState) -> bool:
        """Whether the newest finished run, or the one under way, looked at both sides of the dataset and told of it.

        Where it could not, as with a host that is away, what is known is what an earlier run saw, and may be long over.
        """
        return any(dataset.seen_by(run.run_id) for run in (self.last_run, self.running) if run is not None)

    def up_to_date(self, dataset: DatasetState) -> bool:
        """Whether the newest run saw that the dataset has all that the job wants, and it has no problem."""
        up_to_date = dataset.observed is not None and dataset.observed.up_to_date
        return up_to_date and dataset.problem is None and self.was_seen(dataset)

    def events(self) -> Iterator[Event]:
        """The events that bring a fresh ledger to this state (but for what is running): runs before facts."""
        if self.last_success is not None and self.last_success is not self.last_run:
            yield self.last_success
        if self.last_run is not None:
            yield self.last_run
        for state in self.datasets.values():
            yield from (event for event in (state.observed, state.problem) if event is not None)
        yield from (event for event in (self.prune_refused, self.source_prune_refused) if event is not None)


class Ledger:
    """All jobs. Until `declare` was called every job is taken; from then on only declared ones."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobState] = {}
        self._facts: dict[str, JobFacts] | None = None

    def declare(self, jobs: Iterable[JobFacts]) -> tuple[frozenset[str], frozenset[str]]:
        """Know exactly these jobs from now on; what is known of the others is forgotten.

        Returns:
            the names that are new, and those that are gone.
        """
        facts = {job.name: job for job in jobs}
        gone, new = self._jobs.keys() - facts.keys(), facts.keys() - self._jobs.keys()
        for name in gone:
            del self._jobs[name]
        for name in new:
            self._jobs[name] = JobState()
        self._facts = facts
        return frozenset(new), frozenset(gone)

    @property
    def facts(self) -> Mapping[str, JobFacts]:
        """The declared jobs by name."""
        return self._facts or {}

    @property
    def jobs(self) -> Mapping[str, JobState]:
        """What is known, by job."""
        return self._jobs

    def knows(self, job: str) -> bool:
        """Whether events of that job are taken."""
        return bool(job) and (self._facts is None or job in self._facts)

    def restore(self, events: Iterable[Event]) -> None:
        """Take over what was remembered: for one job, the events of `JobState.events` in their order."""
        for event in events:
            self.note(event)

    def note(self, event: Event) -> None:
        """Take note of an event; those of unknown jobs and of no concern are passed over."""
        if not self.knows(event.job):
            return
        state = self._jobs.setdefault(event.job, JobState())
        match event:
            case RunStarted():
                state.running, state.attempted_at, state.skipped_so_far = event, event.at, Counter()
            case RunFinished():
                _finish(state, event)
            case DatasetObserved():
                old = state.datasets.get(event.dataset, DatasetState())
                state.datasets[event.dataset] = replace(old, observed=event)
            case DatasetRefused() | DatasetFailed():
                old = state.datasets.get(event.dataset, DatasetState())
                state.datasets[event.dataset] = replace(old, problem=event)
            case PruneRefused(side=events.SOURCE):
                state.source_prune_refused = event
            case PruneRefused():
                state.prune_refused = event
            case PruneSkipped():
                state.skipped_so_far[event.side] += 1
            case SnapshotsDestroyed():
                _pruned(state, event.run_id, event.side)
            case _:
                pass


def _finish(state: JobState, run: RunFinished) -> None:
    state.running, state.last_run = None, run
    state.attempted_at = run.started_at
    if run.outcome is Outcome.SUCCESS:
        state.last_success = run
    if not _settled(state, run):
        return
    state.prune_skipped = state.skipped_so_far
    state.datasets = {
        name: dataset.after(run.run_id) for name, dataset in state.datasets.items() if dataset.touched_by(run.run_id)
    }
    _pruned(state, run.run_id, events.TARGET)
    _pruned(state, run.run_id, events.SOURCE)


def _settled(state: JobState, run: RunFinished) -> bool:
    """Whether the run looked at every dataset and came to prune, so that what it did not speak of is no longer so.

    A run tells of all datasets together, between pruning the target and the source. One that told of none broke off
    before, whatever its outcome: with datasets that had nothing to do it is a partial one. It changes only what it did
    speak of.
    """
    told = any(dataset.seen_by(run.run_id) for dataset in state.datasets.values())
    return told and run.outcome is not Outcome.CANCELLED


def _pruned(state: JobState, run_id: str, side: str) -> None:
    name = "source_prune_refused" if side == events.SOURCE else "prune_refused"
    refused = getattr(state, name)
    if refused is not None and refused.run_id != run_id:
        setattr(state, name, None)
