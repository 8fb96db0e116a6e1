"""What every command shares: the global options, and how a command adds itself to the parser.

Imports nothing but argparse and paths: `zfspull --version` comes through here.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zfspull.daemon.paths import Paths


Commands = Any
"""What `ArgumentParser.add_subparsers` returns; argparse has no public name for it."""


_HELP_COLUMNS = 78


class Options(argparse.Namespace):
    """The global options as parsed; commands read their own ones from the same object."""

    command: str
    run: Callable[[Options], int] | None
    config: Path | None
    socket: Path | None
    debug: bool
    no_color: bool
    log_format: str | None

    @property
    def paths(self) -> Paths:
        """Where the daemon's files lie."""
        return Paths.from_environment(os.environ)

    @property
    def config_path(self) -> Path:
        """The main configuration file: as given, or the usual one."""
        return self.config or self.paths.config_file

    @property
    def socket_path(self) -> Path:
        """The daemon's control socket: as given, or the usual one."""
        return self.socket or self.paths.socket

    @property
    def wants_other_config(self) -> bool:
        """Whether a configuration was given that a daemon at the usual place does not have."""
        return self.config is not None and self.socket is None and self.config.resolve() != self.paths.config_file


def add_global(parser: argparse.ArgumentParser, *, at_top: bool) -> None:
    """Add the global options; they may stand before or after the command, and the later one counts."""
    group = parser.add_argument_group("global options")

    def default(value: object) -> object:
        # A sub-parser must not reset what was given before the command.
        return value if at_top else argparse.SUPPRESS

    group.add_argument(
        "--config",
        metavar="PATH",
        type=Path,
        default=default(None),
        help="main configuration file (default: /etc/zfspull/zfspull.yaml)",
    )
    group.add_argument(
        "--socket",
        metavar="PATH",
        type=Path,
        default=default(None),
        help="control socket of the daemon (default: /run/zfspull/control.sock)",
    )
    group.add_argument("--debug", action="store_true", default=default(False), help="show tracebacks and details")
    group.add_argument("--no-color", action="store_true", default=default(False), help="no colours, as with NO_COLOR=1")
    group.add_argument(
        "--log-format", choices=("text", "json"), default=default(None), help="how log lines are written"
    )


def add_command(
    commands: Commands, name: str, run: Callable[[Any], int], *, summary: str, details: str = "", examples: str = ""
) -> argparse.ArgumentParser:
    """Add one command and return its parser, for its own arguments.

    Args:
        commands: where to add it.
        name: as typed.
        run: does the work and returns the exit code.
        summary: half a sentence for the list of commands.
        details: a paragraph for the command's own help.
        examples: lines as typed.
    """
    text = f"{summary[0].upper()}{summary[1:]}." + (f"\n\n{textwrap.fill(details, _HELP_COLUMNS)}" if details else "")
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=text,
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_global(parser, at_top=False)
    parser.set_defaults(run=run, command=name)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`: output for programs, documented in docs/reference/cli.md."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
