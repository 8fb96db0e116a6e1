"""The three ways to follow a run: bars on a terminal, plain lines elsewhere, JSON records for programs.

All three are `EventSink`s and context managers; they write what the pure renderers say and decide nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from zfspull.cli.render_events import Line, Mood, line, waiting
from zfspull.cli.render_progress import after, bars
from zfspull.cli.terminal import Terminal, console, look_at
from zfspull.events import Event, TransferProgress, TransferStarted


if TYPE_CHECKING:
    from zfspull.cli.options import Options
    from zfspull.cli.render_progress import Streams

_PROGRESS_EVERY_SECONDS = 10.0
_STYLES: dict[Mood, str] = {"plain": "", "good": "green", "warning": "yellow", "bad": "bold red", "quiet": "dim"}


class Screen(Protocol):
    """Where a run is shown."""

    def __enter__(self) -> Self:
        """Start to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave the output in order, whatever happened."""

    def emit(self, event: Event, /) -> None:
        """Show what there is to show of `event`."""

    def wait(self, running: Sequence[str], queue: Sequence[str], /) -> None:
        """Show that the run is queued: jobs that run, and jobs that wait (this one included)."""


class Lines:
    """Plain lines: every message, and progress of each stream at most every 10 seconds (by the events' own time)."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown_at: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def emit(self, event: Event) -> None:
        """Write the line of `event`, unless it is progress too soon after the last."""
        if isinstance(event, TransferStarted):
            self._shown_at[event.dataset] = event.at
        if isinstance(event, TransferProgress):
            if event.at - self._shown_at.get(event.dataset, event.at) < _PROGRESS_EVERY_SECONDS:
                self._shown_at.setdefault(event.dataset, event.at)
                return
            self._shown_at[event.dataset] = event.at
        if (said := line(event)) is not None:
            print(said.text, file=self._out, flush=True)

    def wait(self, running: Sequence[str], queue: Sequence[str]) -> None:
        """Say what it waits for, if anything."""
        if (said := waiting(running, queue)) is not None:
            print(said.text, file=self._out, flush=True)


class Bars:
    """A terminal: one bar per running stream at the bottom, finished lines above it."""

    def __init__(self, terminal: Terminal, out: TextIO) -> None:
        from rich.live import Live

        self._console = console(terminal, out)
        # What goes to a file beside the terminal must still go there.
        above = sys.stderr.isatty()
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=above
        )
        self._streams: Streams = {}

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update("", refresh=True)
        self._live.stop()

    def emit(self, event: Event) -> None:
        """Move the bars, and print the line of what is no mere progress."""
        self._streams = after(self._streams, event)
        self._live.update(bars(self._streams))
        if not isinstance(event, TransferProgress | TransferStarted) and (said := line(event)) is not None:
            self._print(said)
        self._live.refresh()

    def wait(self, running: Sequence[str], queue: Sequence[str]) -> None:
        """Say what it waits for, if anything."""
        if (said := waiting(running, queue)) is not None:
            self._print(said)

    def _print(self, said: Line) -> None:
        from rich.text import Text

        self._console.print(Text(said.text, style=_STYLES[said.mood]))


class Records:
    """One JSON record per event and line, as documented in docs/reference/cli.md."""

    def __init__(self, out: TextIO, to_record: Callable[[Event], Any]) -> None:
        self._out = out
        self._to_record = to_record

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def emit(self, event: Event) -> None:
        """Write the record of `event`."""
        print(json.dumps(self._to_record(event)), file=self._out, flush=True)

    def wait(self, running: Sequence[str], queue: Sequence[str]) -> None:
        """Write the record of the queue."""
        record = {"type": "Waiting", "running": list(running), "queue": list(queue)}
        print(json.dumps(record), file=self._out, flush=True)


def run_screen(options: Options) -> Screen:
    """The screen that fits stdout and what was asked for."""
    if options.json:
        from zfspull.observe.record import to_record

        return Records(sys.stdout, to_record)
    terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
    return Bars(terminal, sys.stdout) if terminal.animated else Lines(sys.stdout)
