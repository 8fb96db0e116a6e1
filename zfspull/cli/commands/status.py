"""`zfspull status`: what the daemon is doing, how far behind each dataset is, and what is wrong."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError
from zfspull.cli.options import Commands, Options, add_command
from zfspull.errors import ZfspullError


if TYPE_CHECKING:
    from rich.console import RenderableType

    from zfspull.cli.terminal import Terminal
    from zfspull.daemon.client import Client

_DETAILS = """\
Asks the running daemon. Shows datasets that are behind; with JOB, all of that job.
The exit code is 0 whenever the daemon answers; what is wrong is in the output."""
_EXAMPLES = """\
  zfspull status
  zfspull status home
  zfspull status --watch
  zfspull status --json | jq '.jobs[].lag_seconds'"""
_WATCH_SECONDS = 2.0


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands,
        "status",
        run,
        summary="show what the daemon does, and what is wrong",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="one job with all its datasets (default: all jobs)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print the daemon's JSON")
    how.add_argument("--watch", action="store_true", help="show it again every 2 seconds, until Ctrl-C")


def run(options: Options) -> int:
    """Ask the daemon and show what it says; 69 if none answers."""
    from zfspull.cli.foreground import in_foreground

    return in_foreground(options, lambda: _status(options))


async def _status(options: Options) -> int:
    from zfspull.cli.terminal import look_at, show
    from zfspull.daemon.client import connect

    client = await connect(options.socket_path)
    terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
    if options.watch:
        if not terminal.animated:
            raise UsageError("--watch needs a terminal that can redraw lines", hint="leave it out, or use --json")
        await _watch(client, options, terminal)
    status = await ask(client, options)
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        show(view(status, options.job), terminal, sys.stdout)
    return ExitCode.OK


async def ask(client: Client, options: Options) -> dict[str, Any]:
    """The daemon's picture, of one job if one is named.

    Raises:
        UsageError: the daemon has no such job.
    """
    from zfspull.cli.render_status import only
    from zfspull.cli.there import not_there

    status = await client.status()
    if options.job is None:
        return status
    jobs = status.get("jobs", {})
    if options.job not in jobs:
        raise not_there(options, jobs)
    return dict(only(status, [options.job]))


def view(status: dict[str, Any], job: str | None) -> RenderableType:
    """The picture as tables.

    Raises:
        ZfspullError: the daemon draws pictures of another version.
    """
    from zfspull.cli.render_status import status_view
    from zfspull.cli.terminal import local_zone
    from zfspull.observe.status import STATUS_VERSION

    if status.get("version") != STATUS_VERSION:
        raise ZfspullError(
            f"the daemon's status has version {status.get('version')!r}, this command understands {STATUS_VERSION}",
            hint="restart the daemon so that both are of the same version; `--json` shows what it says",
        )
    return status_view(status, local_zone(), every_dataset=job is not None)


async def _watch(client: Client, options: Options, terminal: Terminal) -> None:
    import asyncio

    from rich.live import Live

    from zfspull.cli.terminal import console

    with Live(console=console(terminal, sys.stdout), auto_refresh=False, screen=True) as live:
        while True:
            live.update(view(await ask(client, options), options.job), refresh=True)
            await asyncio.sleep(_WATCH_SECONDS)
