"""How log lines look, and that nothing foreign can forge one."""

import contextlib
import io
import json
import logging
import os
import re
import sys

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.observe.loglines import LogSink
from zfspull.observe.logs import configure, goes_to_journal, log_unraisable


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _as_before():
    """Logging is global: leave it as it was."""
    root, names = logging.getLogger(), ("asyncssh", "apscheduler", "aiohttp", "asyncio")
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in ("", *names)}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def logged(*, write, stream=None, clock=None, **options):
    out = io.StringIO() if stream is None else stream
    configure(**{"json": False, "debug": False, "stream": out, "clock": clock, **options})
    write(structlog.get_logger())
    return out.getvalue()


def test_a_plain_stream_gets_time_and_level(clock):
    """A file has lines that say when and how bad."""
    line = logged(write=lambda log: log.warning("host.failed", host="gw", seconds=1.50), clock=clock)

    assert line == "1970-01-01T00:16:40.000+00:00 warning host.failed host=gw seconds=1.5\n"


def test_a_terminal_gets_short_lines(clock):
    """On a terminal the time of day is enough, and levels are left out."""
    line = logged(write=lambda log: log.info("run.started", job="home"), stream=Terminal(), clock=clock)

    assert line[2] == line[5] == ":"
    assert line[8:] == " run.started job=home\n"


@pytest.mark.parametrize(("json_lines", "prefix"), [(False, "<3>run.failed job=home"), (True, '<3>{"timestamp"')])
def test_the_journal_gets_priorities_and_no_time(tmp_path, monkeypatch, clock, json_lines, prefix):
    """When systemd connected the stream to the journal, each line starts with its priority, text without a time."""
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        configure(json=json_lines, debug=False, stream=stream, clock=clock)
        structlog.get_logger().error("run.failed", job="home")
        stream.seek(0)

        assert stream.read().startswith(prefix)


@pytest.mark.parametrize("value", ["", "nonsense", "1:2", ":"])
def test_another_stream_is_no_journal(tmp_path, value):
    """A redirected stream is not taken for the journal, though the variable is inherited."""
    with (tmp_path / "log").open("w") as stream:
        assert not goes_to_journal(stream, {"JOURNAL_STREAM": value})
    assert not goes_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_json_lines_are_objects(clock):
    """JSON on request: one object per line with time, level, event and fields."""
    line = logged(write=lambda log: log.info("run.started", job="hö me", count=3), json=True, clock=clock)

    assert json.loads(line) == {
        "timestamp": "1970-01-01T00:16:40.000+00:00",
        "level": "info",
        "event": "run.started",
        "job": "hö me",
        "count": 3,
    }


@pytest.mark.parametrize("json_lines", [False, True])
@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(st.characters()) | st.sampled_from(["\x1b]0;owned\x07", "a\nb", '" job=other x="', "\u202egpj"]))
def test_foreign_text_stays_on_its_line(one_of_each, json_lines, text):
    """Whatever a source puts into names and messages: one line per event, nothing that a terminal acts on."""
    out = io.StringIO()
    configure(json=json_lines, debug=True, stream=out)
    events = one_of_each(text)
    for event in events:
        LogSink().emit(event)

    lines = out.getvalue().removesuffix("\n").split("\n")
    assert len(lines) == len(events)
    assert all(line.isprintable() for line in lines)


def test_a_value_cannot_pass_for_a_field(clock):
    """A message with quotes and an equals sign stays one quoted value."""
    line = logged(write=lambda log: log.info("x", message='" outcome=success "', job="a b"), clock=clock)

    assert line.endswith(r' x message="\" outcome=success \"" job="a b"' + "\n")


def test_progress_is_for_debugging(one_of_each):
    """Lines once a second per stream are written at debug level only."""
    for debug, expected in ((False, 0), (True, 1)):
        out = io.StringIO()
        configure(json=False, debug=debug, stream=out)
        for event in one_of_each("x"):
            LogSink().emit(event)

        assert out.getvalue().count("transfer.progress") == expected


def test_libraries_are_quiet_and_bridged(clock):
    """What libraries say at WARNING is a line of ours; their small talk is not."""

    def write(_log):
        logging.getLogger("asyncssh").info("connection made")
        logging.getLogger("asyncssh").warning("odd: %s", "\x1b[2J")
        logging.getLogger("apscheduler.executors").warning("missed %d")
        with contextlib.suppress(ZeroDivisionError):
            try:
                _ = 1 / 0
            except ZeroDivisionError:
                logging.getLogger("aiohttp.server").exception("unhandled")
                raise

    lines = logged(write=write, clock=clock).splitlines()

    assert [re.sub(r" at=.*", "", line.split(" ", 1)[1]) for line in lines] == [
        r'warning library.message logger=asyncssh message="odd: \x1b[2J"',
        'warning library.message logger=apscheduler.executors message="missed %d"',
        'error library.message logger=aiohttp.server message=unhandled error="ZeroDivisionError: division by zero"',
    ]


def test_tracebacks_are_for_debugging(clock):
    """An exception is one phrase and the places it came through; the traceback comes with debug, still on one line."""

    def divide():
        _ = 1 / 0

    def write(log):
        try:
            try:
                divide()
            except ZeroDivisionError as error:
                raise ExceptionGroup("several", [error]) from None
        except ExceptionGroup:
            log.exception("it.broke")

    line = logged(write=write, clock=clock).strip()
    assert re.search(r' at="observe/test_logs.py:\d+ < observe/test_logs.py:\d+"$', line), line
    assert "Traceback" not in line
    text = logged(write=write, clock=clock, debug=True)
    assert "Traceback" in text
    assert text.count("\n") == 1


def test_what_python_raises_to_nobody_is_a_line(clock, monkeypatch):
    """An exception in a destructor is one line like all others: the log stays what programs read, and what people do."""

    class Fragile:
        def __del__(self):
            raise LookupError("nobody")

    def write(_log):
        monkeypatch.setattr(sys, "unraisablehook", log_unraisable)
        Fragile()
        monkeypatch.undo()

    line = json.loads(logged(write=write, clock=clock, json=True))

    assert (line["level"], line["event"], line["error"]) == ("warning", "exception.ignored", "LookupError: nobody")
    assert "Fragile.__del__" in line["where"]
    assert line["at"].startswith("observe/test_logs.py:")


def test_a_dead_stream_stops_nothing(clock):
    """When standard error is gone, logging is silent, and the daemon lives."""

    class Broken(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    logged(write=lambda log: log.error("x"), stream=Broken(), clock=clock)
    closed = io.StringIO()
    configure(json=False, debug=False, stream=closed)
    closed.close()
    structlog.get_logger().error("x")


def test_configured_twice_logs_once(clock):
    """Configuring again replaces, so that no line comes twice."""
    configure(json=False, debug=False, stream=io.StringIO())

    assert logged(write=lambda _: logging.getLogger("asyncssh").error("x"), clock=clock).count("\n") == 1
