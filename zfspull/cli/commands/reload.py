"""`zfspull reload`: have the daemon load its configuration anew, and say how that went."""

from __future__ import annotations

import sys

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command
from zfspull.cli.text import counted, safe_block


_DETAILS = """\
All or nothing: with a mistake in any file the daemon goes on with the old
configuration, the mistakes are listed here, and the exit code is 78."""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    add_command(commands, "reload", run, summary="have the daemon load its configuration anew", details=_DETAILS)


def run(options: Options) -> int:
    """Ask for it; 78 if the daemon refused the new configuration."""
    from zfspull.cli.foreground import in_foreground

    return in_foreground(options, lambda: _reload(options))


async def _reload(options: Options) -> int:
    from zfspull.daemon.client import connect

    result = await (await connect(options.socket_path)).reload()
    if result["ok"]:
        print(f"reloaded: {counted(result['jobs'], 'job')}")
        return ExitCode.OK
    print(safe_block(result["message"]), file=sys.stderr)
    print("zfspull: the daemon refused the new configuration and goes on with the old one", file=sys.stderr)
    print("  hint: fix the files, try `zfspull check-config`, then reload again", file=sys.stderr)
    return ExitCode.CONFIG
