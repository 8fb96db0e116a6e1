"""How log lines look and where they go: structlog on standard error, for the journal, a person or a program.

What lines there are for events is in `loglines`; other modules write theirs to `zfspull.log`.
"""

from __future__ import annotations

import json as jsonlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog

from zfspull.clock import Clock, SystemClock
from zfspull.log import log
from zfspull.observe.text import clip, escape


# Priorities of syslog(3), which journald reads from `<N>` at the start of a line (sd-daemon(3)).
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_PLACES = 6
"""Through how many frames a logged exception is followed."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:@#%+,\-]+")
# Libraries that report ordinary life at INFO.
_QUIET_LIBRARIES = ("asyncssh", "apscheduler", "aiohttp", "asyncio")

Fields = MutableMapping[str, Any]
Renderer = Callable[[str, str, Mapping[str, Any], str], str]
"""Makes a line of level, event, fields and time stamp."""


def configure(*, json: bool, debug: bool, stream: TextIO | None = None, clock: Clock | None = None) -> None:
    """Send all logging of the process to `stream` (standard error unless given).

    Text has no time stamp where journald adds one, a short local time on a terminal, and a full one elsewhere. JSON
    has one object per line. Under journald both carry the `<N>` priority prefix, which it takes off again.
    """
    out = sys.stderr if stream is None else stream
    journal = goes_to_journal(out, os.environ)
    render = _json if json else _text(_stamp_style(out, journal=journal))
    level = logging.DEBUG if debug else logging.INFO
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.ExceptionRenderer() if debug else _brief_exception,
            _Line(render, clock or SystemClock(), prefix=journal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Output(out),
        cache_logger_on_first_use=False,
    )
    _bridge_libraries(debug=debug)


def goes_to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is what systemd connected to the journal: $JOURNAL_STREAM names its device and inode."""
    device, colon, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return bool(colon) and (device, inode) == (str(status.st_dev), str(status.st_ino))


class _Output:
    """The end of structlog's chain. Logging must never be what stops a backup, so a dead stream is no error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = exception = log = msg


class _Line:
    """The last processor: fields become one line."""

    def __init__(self, render: Renderer, clock: Clock, *, prefix: bool) -> None:
        self._render = render
        self._clock = clock
        self._prefix = prefix

    def __call__(self, _logger: object, _method: str, fields: Fields) -> str:
        level, event = str(fields.pop("level", "info")), str(fields.pop("event", ""))
        line = self._render(level, event, fields, _timestamp(self._clock))
        return f"<{_PRIORITIES.get(level, 6)}>{line}" if self._prefix else line


def _timestamp(clock: Clock) -> str:
    return datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="milliseconds")


def _stamp_style(stream: TextIO, *, journal: bool) -> Callable[[str, str], str]:
    """What stands before the event, made of level and time stamp."""
    if journal:
        return lambda _level, _stamp: ""
    if stream.isatty():
        return lambda _level, stamp: datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S ")
    return lambda level, stamp: f"{stamp} {level} "


def _text(head: Callable[[str, str], str]) -> Renderer:
    def render(level: str, event: str, fields: Mapping[str, Any], stamp: str) -> str:
        pairs = (f" {escape(key)}={_value(value)}" for key, value in fields.items())
        return f"{head(level, stamp)}{escape(event)}{''.join(pairs)}"

    return render


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = clip(value if isinstance(value, str) else str(value))
    return text if _PLAIN.fullmatch(text) else f'"{escape(text)}"'


def _json(level: str, event: str, fields: Mapping[str, Any], stamp: str) -> str:
    # ensure_ascii leaves nothing that a terminal could act on, and no line end.
    return jsonlib.dumps({"timestamp": stamp, "level": level, "event": event, **fields}, default=str)


def _brief_exception(_logger: object, _method: str, fields: Fields) -> Fields:
    """An exception in one phrase, and where it came from; whole tracebacks are for --debug."""
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        fields["error"] = f"{type(error).__name__}: {error}"
        fields["at"] = _places(error)
    return fields


def _places(error: BaseException) -> str:
    """Where an exception was raised and through what it came, innermost first, as `file:line` with `<` between."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    return " < ".join(f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in reversed(frames))


def log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """What Python can raise to nobody, as one line like all others; a `sys.unraisablehook`.

    One that is known comes with a stop, and does no harm: Python 3.13's asyncio trips over a client that it accepted
    in the very turn of the loop in which the server was closed. The client sees its connection closed, which is right.
    """
    log().warning("exception.ignored", where=repr(unraisable.object), exc_info=unraisable.exc_value)


class _Bridge(logging.Handler):
    """Hands what libraries say through `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        log().log(record.levelno, "library.message", logger=record.name, message=message, exc_info=record.exc_info)


def _bridge_libraries(*, debug: bool) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(logging.INFO if debug else logging.WARNING)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
