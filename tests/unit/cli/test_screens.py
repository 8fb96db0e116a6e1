import io
import json
from types import SimpleNamespace

import pytest

from zfspull.cli import screens
from zfspull.cli.screens import Bars, Lines, Records, run_screen
from zfspull.cli.terminal import Terminal
from zfspull.events import Outcome, QueueChanged, RunFinished, TransferFinished, TransferProgress, TransferStarted
from zfspull.observe.record import to_record


def _started(at, dataset="b"):
    return TransferStarted(at=at, dataset=dataset, kind="full", base="", to="@x", expected_bytes=2**30)


def _progress(at, dataset="b"):
    return TransferProgress(at=at, dataset=dataset, moved_bytes=2**20, expected_bytes=2**30, bytes_per_second=1.0)


FINISHED = TransferFinished(at=30, dataset="b", kind="full", to="@x", moved_bytes=2**30, seconds=29.0)
ENDED = RunFinished(
    at=31, job="home", outcome=Outcome.SUCCESS, started_at=1, datasets=1, received_bytes=2**30, steps=1, resumed=0,
    retries=0, refused=0, failed=0, destroyed=0,
)  # fmt: skip


def _show(screen, *events):
    with screen as shown:
        for event in events:
            shown.emit(event)


def test_plain_lines_show_progress_every_ten_seconds():
    """A log file gets a line per start and end, and of the seconds between only every tenth."""
    out = io.StringIO()

    _show(Lines(out), _started(1), *(_progress(at) for at in range(2, 30)), FINISHED)

    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0] == "b: full @x, about 1.0 GiB"
    assert all("0%" in line for line in lines[1:3])
    assert "received and verified" in lines[3]


def test_plain_progress_of_each_stream_is_its_own():
    """One stream's progress does not silence another's."""
    out = io.StringIO()

    _show(Lines(out), _started(1, "a"), _started(5, "b"), _progress(11, "a"), _progress(12, "b"), _progress(15, "b"))

    assert [line.split(":")[0] for line in out.getvalue().splitlines()] == ["a", "b", "a", "b"]


def test_plain_progress_without_a_start_waits_its_time():
    """Who joins in the middle of a transfer is not flooded either."""
    out = io.StringIO()

    _show(Lines(out), _progress(1), _progress(2), _progress(11))

    assert len(out.getvalue().splitlines()) == 1


def test_bars_leave_only_the_finished_lines():
    """On a terminal bars come and go; what stays in the scrollback are the lines of what ended."""
    out = io.StringIO()
    terminal = Terminal(animated=True, coloured=False, columns=80)

    _show(Bars(terminal, out), _started(1), _progress(2), FINISHED, QueueChanged(at=1, waiting=0, running=0), ENDED)

    text = out.getvalue()
    assert "1.0 MiB" in text
    assert "b: @x received and verified, 1.0 GiB in 29s" in text
    assert "home: done" in text
    assert "\x1b[?25h" in text  # the cursor is shown again


def _interrupted(screen):
    with screen as shown:
        shown.emit(_started(1))
        raise KeyboardInterrupt


def test_bars_give_the_terminal_back_after_an_error():
    """Whatever ends the run, the cursor is visible again."""
    out = io.StringIO()

    with pytest.raises(KeyboardInterrupt):
        _interrupted(Bars(Terminal(animated=True, coloured=False, columns=80), out))

    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_records_are_one_json_object_per_line():
    """A program reads each event as it happens, and the result last."""
    out = io.StringIO()

    _show(Records(out, to_record), _started(1), ENDED)

    first, last = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["type"] == "TransferStarted"
    assert (last["type"], last["outcome"]) == ("RunFinished", "success")


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (Lines, "waiting for vm\n"),
        (lambda out: Bars(Terminal(animated=True, coloured=False, columns=80), out), "waiting for vm\n"),
        (lambda out: Records(out, to_record), '{"type": "Waiting", "running": ["vm"], "queue": ["home"]}\n'),
    ],
    ids=["lines", "bars", "records"],
)
def test_every_screen_says_what_a_run_waits_for(make, shown):
    """A queued run is not mistaken for a hanging one."""
    out = io.StringIO()

    make(out).wait(["vm"], ["home"])

    assert out.getvalue() == shown


@pytest.mark.parametrize(
    "make", [Lines, lambda out: Bars(Terminal(animated=True, coloured=False), out)], ids=["lines", "bars"]
)
def test_a_run_that_waits_for_nothing_says_nothing(make):
    """A run that starts at once makes no line about a queue."""
    out = io.StringIO()

    make(out).wait([], ["home"])

    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("json_wanted", "term", "kind"), [(True, "xterm", Records), (False, "xterm", Bars), (False, "dumb", Lines)]
)
def test_the_screen_fits_the_output(monkeypatch, json_wanted, term, kind):
    """--json means records even on a terminal; a dumb terminal gets plain lines."""
    out = io.StringIO()
    out.isatty = lambda: True
    monkeypatch.setattr(screens.sys, "stdout", out)
    monkeypatch.setenv("TERM", term)

    assert isinstance(run_screen(SimpleNamespace(json=json_wanted, no_color=False)), kind)
