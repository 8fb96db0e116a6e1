from zfspull.cli.render_progress import after, bars
from zfspull.cli.terminal import as_text
from zfspull.events import (
    Outcome,
    RunFinished,
    SnapshotsDestroyed,
    TransferFailed,
    TransferFinished,
    TransferProgress,
    TransferStarted,
)


def _started(dataset, expected=4 * 2**20):
    return TransferStarted(at=1, dataset=dataset, kind="full", base="", to="@x", expected_bytes=expected)


def _progress(dataset, moved=2**20, expected=4 * 2**20):
    return TransferProgress(at=2, dataset=dataset, moved_bytes=moved, expected_bytes=expected, bytes_per_second=2**20)


def _all(*events):
    streams = {}
    for event in events:
        streams = after(streams, event)
    return streams


def test_a_bar_says_all_there_is_to_know():
    """Dataset, percentage, bytes, rate and time left of each running stream, one line each."""
    shown = as_text(bars(_all(_started("b/home"), _progress("b/home"), _started("b/vm"))), columns=80).splitlines()

    assert len(shown) == 2
    assert shown[0].startswith("b/home")
    for part in ("25%", "1.0 MiB", "1.0 MiB/s", "3s left"):
        assert part in shown[0]
    assert shown[1].startswith("b/vm")


def test_a_bar_of_unknown_size_promises_nothing():
    """Where the size is unknown there is neither percentage nor time left."""
    shown = as_text(bars(_all(_started("b", None), _progress("b", expected=None))), columns=80)

    assert "%" not in shown
    assert "left" not in shown
    assert "1.0 MiB/s" in shown


def test_finished_and_failed_streams_have_no_bar():
    """A bar goes when its stream ends, however it ends, and the others stay."""
    streams = _all(_started("a"), _started("b"), _started("c"))
    streams = after(streams, TransferFinished(at=3, dataset="a", kind="full", to="@x", moved_bytes=1, seconds=1))
    streams = after(
        streams,
        TransferFailed(at=3, dataset="b", kind="full", to="@x", moved_bytes=1, side="link", reason="", message=""),
    )

    assert list(streams) == ["c"]


def test_the_end_of_the_run_ends_all_bars():
    """A cancelled run leaves no bar behind."""
    end = RunFinished(
        at=3, outcome=Outcome.CANCELLED, started_at=1, datasets=1, received_bytes=0, steps=0, resumed=0, retries=0,
        refused=0, failed=0, destroyed=0,
    )  # fmt: skip

    assert _all(_started("a"), end) == {}


def test_other_events_move_nothing():
    """Pruning during a transfer leaves the bars alone; progress seen first makes a bar of its own."""
    streams = _all(_progress("a"))

    assert after(streams, SnapshotsDestroyed(at=3, dataset="a", names=("x",), kept=1)) is streams
    assert streams["a"].moved_bytes == 2**20


def test_a_long_hostile_name_breaks_no_line():
    """A long name is cut rather than wrapped, and markup and escapes in it are plain text."""
    name = "b/[bold red]" + "\x1b[2J" + "x" * 200
    shown = as_text(bars(_all(_started(name), _progress(name))), columns=80)

    assert len(shown.splitlines()) == 1
    assert shown.startswith("b/[bold red]\\x1b[2J")
    assert "25%" in shown
