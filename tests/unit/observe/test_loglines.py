"""Which line an event makes."""

import logging

import pytest

from zfspull.events import ConfigLoaded, Outcome, RunFinished, SnapshotsDestroyed, TransferFinished
from zfspull.observe.loglines import LINES, fields_of, level_of, name_of
from zfspull.observe.record import EVENT_TYPES


def run_finished(outcome):
    counts = dict.fromkeys(
        ("datasets", "received_bytes", "steps", "resumed", "retries", "refused", "failed", "destroyed"), 0
    )
    return RunFinished(at=110.0, job="home", run_id="r1", outcome=outcome, started_at=100.0, **counts)


def test_every_event_has_a_line():
    """No kind of event is left out of the log, and no two share a name."""
    assert set(LINES) == set(EVENT_TYPES.values())
    assert len({name for name, _ in LINES.values()}) == len(LINES)


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (Outcome.SUCCESS, logging.INFO),
        (Outcome.CANCELLED, logging.INFO),
        (Outcome.PARTIAL, logging.ERROR),
        (Outcome.FAILED, logging.ERROR),
        (Outcome.REFUSED, logging.ERROR),
    ],
)
def test_a_run_that_needs_a_person_is_an_error(outcome, level):
    """What a person must look at is an error, what they stopped themselves is not."""
    assert level_of(run_finished(outcome)) == level


def test_a_rejected_configuration_is_an_error():
    """A reload that failed has a name and a level of its own."""
    event = ConfigLoaded(at=1.0, ok=False, jobs=0, message="bad")

    assert (name_of(event), level_of(event)) == ("config.rejected", logging.ERROR)
    assert name_of(ConfigLoaded(at=1.0, ok=True, jobs=1)) == "config.loaded"


def test_a_line_starts_with_where_and_says_the_run():
    """Job, run and dataset come first; what is empty is left out, zeros are not."""
    event = TransferFinished(
        at=1.0, job="home", run_id="r1", dataset="a", kind="full", to="", moved_bytes=0, seconds=2.0
    )

    assert list(fields_of(event).items()) == [
        ("job", "home"),
        ("run", "r1"),
        ("dataset", "a"),
        ("kind", "full"),
        ("moved_bytes", 0),
        ("seconds", 2.0),
    ]


def test_a_run_says_how_long_it_took():
    """The end of a run has its duration rather than a raw time of start."""
    fields = fields_of(run_finished(Outcome.SUCCESS))

    assert fields["seconds"] == 10.0
    assert "started_at" not in fields
    assert fields["outcome"] == "success"


def test_destroyed_snapshots_are_named():
    """What was destroyed can be found in the log by name."""
    event = SnapshotsDestroyed(at=1.0, job="home", run_id="r1", dataset="a", names=("x", "y"), kept=1)

    assert fields_of(event)["names"] == "x,y"
