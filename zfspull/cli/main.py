"""`zfspull`: the parser, and the one place where a command starts and ends.

Nothing heavy is imported here or by the modules of the commands: `zfspull --version` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TextIO

from zfspull import __version__
from zfspull.cli.commands import ADD
from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Options, add_global
from zfspull.garbage import collect_seldom


_EPILOG = """\
examples:
  zfspull check-config        is the configuration right?
  zfspull plan home           what would be sent and pruned?
  zfspull pull home           pull now and watch
  zfspull status              what is the daemon doing, what is wrong?

`zfspull COMMAND --help` says more about a command.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; whatever goes wrong is told on stderr and never raised."""
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    parser = build_parser()
    try:
        options = parser.parse_args(argv, namespace=Options())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(ExitCode.OK)
    if options.run is None:
        parser.print_help(sys.stderr)
        return ExitCode.USAGE
    return _guarded(options.run, options)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="zfspull",
        description="Pull ZFS snapshots from other machines over SSH, on a schedule, verified.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"zfspull {__version__}")
    add_global(parser, at_top=True)
    parser.set_defaults(run=None, command="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in ADD:
        add(commands)
    return parser


def _guarded(run: Callable[[Options], int], options: Options) -> int:
    try:
        code = run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # What read our output has seen enough (`zfspull status | head`); the flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where every error becomes words
        from zfspull.cli.failure import tell

        return tell(error, debug=options.debug)
    return code


def _never_fail_to_encode(stream: TextIO) -> None:
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
