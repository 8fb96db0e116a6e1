"""What still holds after a run."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.events import (
    DatasetFailed,
    DatasetObserved,
    DatasetRefused,
    Outcome,
    PruneRefused,
    PruneSkipped,
    RunFinished,
    RunStarted,
    SnapshotsDestroyed,
    Trigger,
)
from zfspull.observe.ledger import JobFacts, JobState, Ledger


HOME = JobFacts(name="home", host="gw", interval_seconds=3600.0)


def started(run_id, at=0.0, job="home"):
    return RunStarted(at=at, job=job, run_id=run_id, trigger=Trigger.SCHEDULE, host="gw")


def finished(run_id, outcome=Outcome.SUCCESS, at=10.0, job="home", error=""):
    return RunFinished(
        at=at,
        job=job,
        run_id=run_id,
        outcome=outcome,
        started_at=at - 10,
        datasets=1,
        received_bytes=0,
        steps=0,
        resumed=0,
        retries=0,
        refused=0,
        failed=0,
        destroyed=0,
        error=error,
    )


def observed(run_id, dataset="a", *, up_to_date=True, job="home"):
    return DatasetObserved(
        at=5.0,
        job=job,
        run_id=run_id,
        dataset=dataset,
        source=f"zroot/{dataset}",
        newest_at=1,
        source_newest_at=2,
        snapshots=3,
        up_to_date=up_to_date,
    )


def refused(run_id, dataset="a"):
    return DatasetRefused(at=5.0, job="home", run_id=run_id, dataset=dataset, reason="diverged", message="m", hint="h")


def failed(run_id, dataset="a"):
    return DatasetFailed(
        at=5.0, job="home", run_id=run_id, dataset=dataset, reason="busy", message="m", hint="h", attempts=3
    )


def prune_refused(run_id):
    return PruneRefused(at=5.0, job="home", run_id=run_id, message="m", hint="h", count=9, limit=3)


def ledger_after(*events):
    ledger = Ledger()
    for event in events:
        ledger.note(event)
    return ledger.jobs["home"]


def _refusals_to_prune(state):
    return (event for event in state.events() if isinstance(event, PruneRefused))


def test_a_good_run_ends_a_refusal():
    """A refusal that does not come up again in a run that looked at everything is over."""
    state = ledger_after(refused("1"), observed("1"), finished("1", Outcome.REFUSED), observed("2"), finished("2"))

    assert state.datasets["a"].problem is None
    assert state.datasets["a"].observed == observed("2")


def test_a_refusal_that_comes_again_stays():
    """A run that refuses again does not clear what it just said."""
    state = ledger_after(refused("1"), finished("1", Outcome.REFUSED), refused("2"), finished("2", Outcome.REFUSED))

    assert state.datasets["a"].problem == refused("2")


def test_a_run_that_saw_nothing_clears_nothing():
    """When the host is away, what was wrong before is still what is known."""
    state = ledger_after(refused("1"), finished("1", Outcome.REFUSED), finished("2", Outcome.FAILED))

    assert state.datasets["a"].problem == refused("1")


def test_a_vanished_dataset_is_forgotten():
    """A dataset that a whole run does not speak of is no part of the job any more."""
    state = ledger_after(observed("1", "a"), observed("1", "b"), finished("1"), observed("2", "a"), finished("2"))

    assert set(state.datasets) == {"a"}


def test_a_failed_run_forgets_no_dataset():
    """A run that died half way keeps the recovery points of what it did not reach."""
    state = ledger_after(
        observed("1", "a"), observed("1", "b"), finished("1"), observed("2", "a"), finished("2", Outcome.CANCELLED)
    )

    assert set(state.datasets) == {"a", "b"}


def test_a_dataset_that_only_failed_stays():
    """A dataset that failed keeps the recovery point of the run before."""
    state = ledger_after(
        observed("1", "a"),
        observed("1", "b"),
        finished("1"),
        observed("2", "b"),
        failed("2"),
        finished("2", Outcome.PARTIAL),
    )

    assert state.datasets["a"].observed == observed("1", "a")
    assert state.datasets["a"].problem == failed("2")


@pytest.mark.parametrize("outcome", Outcome)
def test_p6_a_run_that_told_of_no_dataset_hides_none(outcome):
    """P6: a run that fails after planning, as when the pool is sick, leaves what is known of datasets it did not try."""
    state = ledger_after(
        observed("1", "a"),
        observed("1", "b"),
        refused("1", "c"),
        finished("1", Outcome.REFUSED),
        failed("2", "a"),
        finished("2", outcome),
    )

    assert state.datasets["a"].problem == failed("2", "a")
    assert state.datasets["b"].observed == observed("1", "b")
    assert state.datasets["c"].problem == refused("1", "c")
    assert not state.up_to_date(state.datasets["b"])


def test_pruning_ends_a_refusal_to_prune():
    """Once something was pruned, or a run succeeded, pruning is refused no more."""
    destroyed = SnapshotsDestroyed(at=1.0, job="home", run_id="2", dataset="a", names=("x",), kept=1)

    assert ledger_after(prune_refused("1"), finished("1", Outcome.REFUSED)).prune_refused is not None
    assert ledger_after(prune_refused("1"), destroyed).prune_refused is None
    assert ledger_after(prune_refused("1"), observed("2"), finished("2")).prune_refused is None


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.REFUSED, Outcome.FAILED])
@pytest.mark.parametrize("side", ["target", "source"])
def test_a_refusal_to_prune_ends_though_a_dataset_has_trouble(outcome, side):
    """With `keep` mended pruning is refused no more, even if each run refuses a dataset or fails with one."""
    before = [replace(prune_refused("1"), side=side), observed("1"), finished("1", Outcome.REFUSED), started("2")]
    trouble = [refused("2", "b"), observed("2", "a"), observed("2", "b"), finished("2", outcome)]

    assert not list(_refusals_to_prune(ledger_after(*before, *trouble)))


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.REFUSED, Outcome.FAILED])
@pytest.mark.parametrize("side", ["target", "source"])
def test_a_refusal_to_prune_that_comes_again_stays(outcome, side):
    """A run that refuses to prune once more does not clear what it just said."""
    first, again = (replace(prune_refused(run_id), side=side) for run_id in ("1", "2"))
    state = ledger_after(first, finished("1", Outcome.REFUSED), again, observed("2"), finished("2", outcome))

    assert list(_refusals_to_prune(state)) == [again]


@pytest.mark.parametrize("outcome", Outcome)
def test_a_refusal_to_prune_outlives_a_run_that_did_not_prune(outcome):
    """A run that broke off before its report came to no pruning, and ends no refusal of it."""
    state = ledger_after(prune_refused("1"), finished("1", Outcome.REFUSED), failed("2"), finished("2", outcome))

    assert list(_refusals_to_prune(state)) == [prune_refused("1")]


def test_each_side_has_its_own_refusal_to_prune():
    """Pruning one side ends no refusal to prune the other."""
    there = replace(prune_refused("1"), side="source")
    destroyed = SnapshotsDestroyed(at=1.0, job="home", run_id="2", dataset="a", names=("x",), kept=1)

    state = ledger_after(prune_refused("1"), there, destroyed)
    assert (state.prune_refused, state.source_prune_refused) == (None, there)
    assert list(state.events()) == [there]
    assert ledger_after(there, replace(destroyed, side="source")).source_prune_refused is None
    assert ledger_after(there, observed("2"), finished("2")).source_prune_refused is None


def test_skipped_snapshots_are_those_of_the_newest_run():
    """What could not be destroyed is counted per run, not summed up for ever."""
    skipped = PruneSkipped(at=1.0, job="home", run_id="1", dataset="a", name="x", reason="held")

    first = [started("1"), skipped, skipped, observed("1"), finished("1")]
    assert ledger_after(*first).prune_skipped == {"target": 2}
    assert ledger_after(*first, started("2"), observed("2"), finished("2")).prune_skipped == {}


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.REFUSED, Outcome.FAILED])
def test_skipped_snapshots_stay_known_when_a_run_did_not_come_to_pruning(outcome):
    """A run that failed before it pruned says nothing of what could not be destroyed, so that stays as it was."""
    skipped = PruneSkipped(at=1.0, job="home", run_id="1", dataset="a", name="x", reason="held")
    state = ledger_after(
        started("1"), skipped, observed("1"), finished("1"), started("2"), failed("2"), finished("2", outcome)
    )

    assert state.prune_skipped == {"target": 1}


def test_an_undeclared_job_leaves_no_trace():
    """A run that ends after its job was taken out of the configuration does not bring the job back."""
    ledger = Ledger()
    ledger.declare([HOME])
    ledger.note(started("1"))

    assert ledger.declare([]) == (frozenset(), {"home"})
    ledger.note(finished("1"))
    assert ledger.jobs == {}


EVENTS = st.tuples(
    st.sampled_from([started, finished, observed, refused, failed, prune_refused]), st.sampled_from(["1", "2", "3"])
).map(lambda pair: pair[0](pair[1])) | st.builds(
    finished, st.sampled_from(["1", "2", "3"]), st.sampled_from(Outcome), st.floats(20, 99)
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(EVENTS))
def test_p6_up_to_date_is_what_the_newest_run_saw(events):
    """P6: whatever happened before, a run that ends without a word on a dataset leaves none that is up to date."""
    ledger = Ledger()
    ledger.restore([*events, started("new"), finished("new", Outcome.FAILED)])
    state = ledger.jobs["home"]

    assert not [name for name, dataset in state.datasets.items() if state.up_to_date(dataset)]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(EVENTS))
def test_what_is_remembered_restores_the_state(events):
    """A ledger that is given what another remembers knows the same of runs, recovery points and problems."""
    ledger, restored = Ledger(), Ledger()
    ledger.restore(events)
    state = ledger.jobs.get("home", JobState())
    restored.restore(state.events())

    again = restored.jobs.get("home", JobState())
    assert again.last_run == state.last_run
    assert again.last_success == state.last_success
    assert again.datasets == state.datasets
    assert again.prune_refused == state.prune_refused
    if state.running is None:
        assert [again.up_to_date(dataset) for dataset in again.datasets.values()] == [
            state.up_to_date(dataset) for dataset in state.datasets.values()
        ]
