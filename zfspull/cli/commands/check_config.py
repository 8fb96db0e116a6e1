"""`zfspull check-config`: is the configuration right? Every mistake at once; offline, unless asked to look further."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.cli.text import counted, safe
from zfspull.errors import ConfigError


if TYPE_CHECKING:
    from zfspull.config.schema import Config

_DETAILS = """\
Reads the main file and every file in jobs.d/ and reports every mistake as
file:line:column: key: what is wrong. Nothing is connected to or changed.
With --online it lists the targets here as well, and reports each job whose
next prune would destroy more than its max_destroy, as a reload would."""
_EXAMPLES = """\
  zfspull check-config
  zfspull check-config --online
  zfspull check-config --config ./zfspull.yaml --json"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser: argparse.ArgumentParser = add_command(
        commands, "check-config", run, summary="check the configuration files", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("--online", action="store_true", help="look at what the next prunes would destroy here")
    add_json(parser)


def run(options: Options) -> int:
    """Load the files; 0 if all is right, 78 with the list of mistakes if not."""
    from zfspull.config.load import load_config

    path = options.config_path
    try:
        config = load_config(path)
        unknown = _look(options, config) if options.online else {}
    except ConfigError as error:
        if not options.json:
            raise
        print(json.dumps(as_json(error), indent=2))
        return ExitCode.CONFIG
    if options.json:
        print(json.dumps(as_json(config, unknown), indent=2))
        return ExitCode.OK
    for job, why in unknown.items():
        print(f"zfspull: {safe(job)}: not looked at: {safe(why)}", file=sys.stderr)
    print(safe(f"{path}: all right: {counted(len(config.jobs), 'job')}, {counted(len(config.hosts), 'host')}"))
    return ExitCode.OK


def _look(options: Options, config: Config) -> Mapping[str, str]:
    """Judge the next prune of every job; returns why some could not be looked at.

    Raises:
        ConfigError: for those that would destroy too much.
    """
    from zfspull.cli.foreground import in_foreground

    unknown: dict[str, str] = {}

    async def look() -> int:
        unknown.update(await _judged(config))
        return ExitCode.OK

    if code := in_foreground(options, look):
        raise SystemExit(code)
    return unknown


async def _judged(config: Config) -> Mapping[str, str]:
    from zfspull.cli import here
    from zfspull.clock import SystemClock
    from zfspull.daemon.edits import judge
    from zfspull.daemon.work import PullWork
    from zfspull.pull.books import MemoryBooks

    work = PullWork(SystemClock(), MemoryBooks())
    async with here.opened(config) as generation:
        return await judge(config.jobs.values(), config.places, lambda job: work.foresee(job, generation))


def as_json(result: Config | ConfigError, unknown: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The documented JSON shape of the result."""
    if isinstance(result, ConfigError):
        fields = ("file", "line", "column", "key", "message")
        problems = [{field: getattr(problem, field) for field in fields} for problem in result.problems]
        return {"ok": False, "jobs": [], "problems": problems, "unknown": []}
    notes = [{"job": job, "message": why} for job, why in (unknown or {}).items()]
    return {"ok": True, "jobs": sorted(result.jobs), "problems": [], "unknown": notes}
