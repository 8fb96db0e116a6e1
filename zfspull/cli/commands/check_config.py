"""`zfspull check-config`: is the configuration right? Offline; every mistake at once."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.cli.text import counted, safe
from zfspull.errors import ConfigError


if TYPE_CHECKING:
    from zfspull.config.schema import Config

_DETAILS = """\
Reads the main file and every file in jobs.d/ and reports every mistake as
file:line:column: key: what is wrong. Nothing is connected to or changed."""
_EXAMPLES = """\
  zfspull check-config
  zfspull check-config --config ./zfspull.yaml --json"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser: argparse.ArgumentParser = add_command(
        commands, "check-config", run, summary="check the configuration files", details=_DETAILS, examples=_EXAMPLES
    )
    add_json(parser)


def run(options: Options) -> int:
    """Load the files; 0 if all is right, 78 with the list of mistakes if not."""
    from zfspull.config.load import load_config

    path = options.config_path
    try:
        config = load_config(path)
    except ConfigError as error:
        if not options.json:
            raise
        print(json.dumps(as_json(error), indent=2))
        return ExitCode.CONFIG
    if options.json:
        print(json.dumps(as_json(config), indent=2))
    else:
        print(safe(f"{path}: all right: {counted(len(config.jobs), 'job')}, {counted(len(config.hosts), 'host')}"))
    return ExitCode.OK


def as_json(result: Config | ConfigError) -> dict[str, Any]:
    """The documented JSON shape of the result."""
    if isinstance(result, ConfigError):
        fields = ("file", "line", "column", "key", "message")
        problems = [{field: getattr(problem, field) for field in fields} for problem in result.problems]
        return {"ok": False, "jobs": [], "problems": problems}
    return {"ok": True, "jobs": sorted(result.jobs), "problems": []}
