"""What the status and the metrics both keep."""

from zfspull.events import RunStarted, TransferStarted, Trigger
from zfspull.observe.books import Books
from zfspull.observe.ledger import JobFacts


HOME = JobFacts(name="home", host="gw", interval_seconds=3600.0)
START = RunStarted(at=1.0, job="home", run_id="1", trigger=Trigger.SCHEDULE, host="gw")
STREAM = TransferStarted(
    at=2.0, job="home", run_id="1", dataset="a", kind="full", base=None, to="@x", expected_bytes=None
)


def test_a_job_that_comes_back_begins_anew():
    """A job taken out of the configuration leaves neither a stream nor a next run to the one that gets its name."""
    books = Books()
    books.declare([HOME])
    books.next_run("home", 5.0)
    books.note(STREAM)
    assert (len(list(books.transfers.of("home"))), books.next_runs) == (1, {"home": 5.0})

    assert books.declare([]) == (frozenset(), {"home"})
    books.declare([HOME])
    assert (list(books.transfers.of("home")), books.next_runs) == ([], {})


def test_nothing_is_kept_of_jobs_that_are_not_declared():
    """Before the first `declare` there is no job, and later none but the declared ones."""
    books = Books()
    books.note(START)
    books.note(STREAM)
    books.next_run("home", 5.0)

    assert (books.ledger.jobs, list(books.transfers.of("home")), books.next_runs) == ({}, [], {})
