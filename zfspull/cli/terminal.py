"""What the other end of stdout is, and the rich console that fits it.

Colour and movement are for terminals only; `NO_COLOR`, `TERM=dumb` and `--no-color` are respected (no-color.org).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TextIO


if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_UNLIMITED_COLUMNS = 1000
_DUMB = frozenset({"dumb", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What may be done to the output.

    Attributes:
        animated: whether lines may be redrawn, as a progress bar does.
        coloured: whether colours and weights may be used.
        columns: width to fit; None where nothing limits it, as in a file.
    """

    animated: bool
    coloured: bool
    columns: int | None = None


def look_at(stream: TextIO, environ: Mapping[str, str], *, no_color: bool) -> Terminal:
    """Find out what `stream` may be given."""
    is_terminal = stream.isatty()
    capable = is_terminal and environ.get("TERM", "") not in _DUMB
    coloured = capable and not no_color and not environ.get("NO_COLOR")
    return Terminal(animated=capable, coloured=coloured, columns=_columns(environ) if is_terminal else None)


def console(terminal: Terminal, stream: TextIO | None = None) -> Console:
    """A rich console that neither guesses nor interprets: no markup, no highlighting, no emoji codes."""
    from rich.console import Console

    return Console(
        file=stream,
        force_terminal=terminal.animated,
        no_color=not terminal.coloured,
        color_system="auto" if terminal.coloured else None,
        width=terminal.columns or _UNLIMITED_COLUMNS,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def as_text(renderable: RenderableType, columns: int | None = None) -> str:
    """What `renderable` looks like without colour, lines stripped of trailing space."""
    out = io.StringIO()
    plain = Terminal(animated=False, coloured=False, columns=columns)
    console(plain, out).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def show(renderable: RenderableType, terminal: Terminal, stream: TextIO) -> None:
    """Print `renderable` to `stream`, coloured on a terminal that can, else as plain lines."""
    if terminal.coloured:
        console(terminal, stream).print(renderable)
    else:
        print(as_text(renderable, terminal.columns), file=stream)


def _columns(environ: Mapping[str, str]) -> int:
    import shutil

    set_by_user = environ.get("COLUMNS", "")
    return int(set_by_user) if set_by_user.isdecimal() and int(set_by_user) else shutil.get_terminal_size().columns


def local_zone() -> tzinfo:
    """The time zone of this machine, as `TZ` or /etc/localtime say."""
    return datetime.now(UTC).astimezone().tzinfo or UTC
