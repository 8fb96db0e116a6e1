import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull import events
from zfspull.cli.render_events import Line, line, waiting
from zfspull.events import Outcome, Trigger


def _finished(**changes):
    values = {
        "at": 160.0, "job": "home", "outcome": Outcome.SUCCESS, "started_at": 100.0, "datasets": 3,
        "received_bytes": 2**20, "steps": 2, "resumed": 0, "retries": 0, "refused": 0, "failed": 0, "destroyed": 0,
    }  # fmt: skip
    return events.RunFinished(**{**values, **changes})


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (events.RunStarted(at=1, job="home", trigger=Trigger.OPERATOR, host="gw"), "home: pulling from gw"),
        (
            events.Planned(at=1, job="home", datasets=3, steps=1, up_to_date=2, refused=0),
            "home: 3 datasets: 1 step to do, 2 up to date",
        ),
        (
            events.Planned(at=1, job="home", datasets=3, steps=2, up_to_date=0, refused=1),
            "home: 3 datasets: 2 steps to do, 0 up to date, 1 refused",
        ),
        (
            events.TransferStarted(at=1, dataset="b/home", kind="range", base="@a", to="@b", expected_bytes=2**30),
            "b/home: range @a -> @b, about 1.0 GiB",
        ),
        (
            events.TransferStarted(at=1, dataset="b/home", kind="full", base="", to="@b", expected_bytes=None),
            "b/home: full @b",
        ),
        (
            events.TransferProgress(
                at=1, dataset="b", moved_bytes=2**20, expected_bytes=4 * 2**20, bytes_per_second=2**20
            ),
            "b: 1.0 MiB of 4.0 MiB, 25%, 1.0 MiB/s, 3s left",
        ),
        (
            events.TransferProgress(at=1, dataset="b", moved_bytes=2**20, expected_bytes=None, bytes_per_second=0),
            "b: 1.0 MiB, 0 B/s",
        ),
        (
            events.TransferFinished(at=1, dataset="b", kind="full", to="@x", moved_bytes=2**20, seconds=2.0),
            "b: @x received and verified, 1.0 MiB in 2s, 512.0 KiB/s",
        ),
        (
            events.TransferFailed(
                at=1, dataset="b", kind="full", to="@x", moved_bytes=10, side="link", reason="lost", message="cut"
            ),
            "b: full to @x failed after 10 B (link): cut",
        ),
        (
            events.RetryScheduled(at=1, job="home", dataset="b", attempt=2, delay_seconds=10.0, reason="lost"),
            "b: trying again in 10s, after attempt 2 (lost)",
        ),
        (
            events.RetryScheduled(at=1, job="home", dataset="", attempt=1, delay_seconds=5.0, reason="lost"),
            "home: trying again in 5s, after attempt 1 (lost)",
        ),
        (
            events.DatasetRefused(at=1, dataset="b", reason="no_common_base", message="diverged", hint="rename it"),
            "b: refused: diverged\n  hint: rename it",
        ),
        (
            events.DatasetFailed(at=1, dataset="b", reason="x", message="no", hint="", attempts=5),
            "b: failed after 5 attempts: no",
        ),
        (events.HostFailed(at=1, host="gw", reason="x", message="no route"), "host gw: no route"),
        (
            events.SnapshotsTaken(at=1, job="home", name="z_1", source="zroot/home", recursive=True),
            "zroot/home: took snapshot @z_1 and all below",
        ),
        (events.SnapshotsDestroyed(at=1, dataset="b", names=("x", "y"), kept=7), "b: pruned 2 snapshots, 7 stay"),
        (events.PruneSkipped(at=1, dataset="b", name="x", reason="held"), "b@x: not pruned: held"),
        (
            events.SnapshotsDestroyed(at=1, dataset="t", names=("x",), kept=7, side="source"),
            "t: pruned 1 snapshot on the source, 7 stay",
        ),
        (
            events.PruneSkipped(at=1, dataset="t", name="x", reason="held", side="source"),
            "t@x: not pruned on the source: held",
        ),
        (
            events.PruneRefused(at=1, job="home", message="too much", hint="look", count=9, limit=5),
            "home: pruning refused: too much\n  hint: look",
        ),
        (events.Noticed(at=1, reason="clock", message="skewed"), "note: skewed"),
        (events.ResumeDiscarded(at=1, dataset="b", message="gone"), "b: the interrupted receive is given up: gone"),
        (_finished(), "home: done: 3 datasets, 2 steps, 1.0 MiB in 1m"),
        (
            _finished(outcome=Outcome.FAILED, failed=1, retries=4, error="gw is gone", hint="is it up?"),
            "home: failed: 3 datasets, 2 steps, 1.0 MiB, 4 retries, 1 failed in 1m\n  gw is gone\n  hint: is it up?",
        ),
    ],
)
def test_each_event_reads_as_a_sentence(event, text):
    """Who follows a run reads what happened, where, and what to do."""
    assert line(event).text == text


def test_what_concerns_the_daemon_is_not_told():
    """Events that say nothing to a person who follows one job make no line."""
    assert line(events.QueueChanged(at=1, waiting=1, running=0)) is None
    assert line(events.ConfigLoaded(at=1, ok=True, jobs=1)) is None


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)]
)
@given(text=st.text(min_size=1))
def test_no_event_can_drive_the_terminal(kind, text):
    """P8: no text field of any event reaches the terminal as it came."""
    values = {
        field.name: {
            "str": text,
            "int": 1,
            "float": 1.0,
            "bool": True,
            "tuple[str, ...]": (text,),
            "int | None": 1,
        }.get(field.type, Outcome.FAILED if field.type == "Outcome" else Trigger.OPERATOR)
        for field in dataclasses.fields(kind)
    }

    said = line(kind(**values))

    assert said is None or all(part.isprintable() for part in said.text.split("\n"))


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome):
    """However a run ends, the last line says so."""
    assert line(_finished(outcome=outcome)).text.startswith("home: ")


def test_waiting_names_what_is_ahead():
    """A run that has to wait says for what; one that starts at once says nothing."""
    assert waiting(["vm"], ["db", "home"]) == Line("waiting for vm, db", "quiet")
    assert waiting([], ["home"]) is None
