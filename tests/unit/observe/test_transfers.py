"""The streams under way."""

from zfspull.events import TransferFinished, TransferProgress, TransferStarted
from zfspull.observe.transfers import Transfers


def started(at=0.0, dataset="a"):
    return TransferStarted(at=at, job="home", dataset=dataset, kind="full", base="", to="@x", expected_bytes=100)


def progress(moved_bytes, at, dataset="a"):
    return TransferProgress(
        at=at, job="home", dataset=dataset, moved_bytes=moved_bytes, expected_bytes=100, bytes_per_second=7.0
    )


def finished(moved_bytes):
    return TransferFinished(at=9.0, job="home", dataset="a", kind="full", to="@x", moved_bytes=moved_bytes, seconds=9.0)


def test_a_stream_that_stands_still_made_no_progress():
    """Reports without new bytes do not move the time of progress."""
    transfers = Transfers()
    assert [transfers.note(event) for event in (started(), progress(5, 1.0), progress(5, 60.0))] == [0, 5, 0]

    (transfer,) = transfers.of("home")
    assert (transfer.moved_bytes, transfer.progress_at, transfer.bytes_per_second) == (5, 1.0, 7.0)


def test_a_new_attempt_counts_from_zero():
    """Two attempts at one dataset are two streams, and both were received."""
    transfers = Transfers()
    events = (started(), progress(5, 1.0), started(2.0), progress(3, 3.0), finished(4))

    assert sum(transfers.note(event) for event in events) == 9
    assert list(transfers.of("home")) == []


def test_a_lost_start_loses_no_bytes():
    """Progress of an unknown stream waits for the end, which tells the whole."""
    transfers = Transfers()

    assert [transfers.note(event) for event in (progress(5, 1.0), finished(8))] == [0, 8]
