"""`zfspull doctor [JOB]`: is everything there that a pull needs, at both ends? Changes nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.errors import ConfigError, ZfspullError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from zfspull.config.schema import Config, Job
    from zfspull.site.finding import Finding

_DETAILS = """\
Checks this machine, the hosts and the jobs: logins, host keys, the gate, permissions, versions of
OpenZFS and their known bugs, pools, clocks, room, the state of replicas, keys, schedules and
retention. Each finding comes with what mends it. Nothing is changed at either end."""
_EXAMPLES = """\
  zfspull doctor              all jobs
  zfspull doctor home --json  one job, for a program"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands, "doctor", run, summary="check both ends; changes nothing", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="one job (default: all)")
    add_json(parser)


def run(options: Options) -> int:
    """Check; 1 if there is something to mend."""
    from zfspull.cli.foreground import in_foreground

    return in_foreground(options, lambda: _doctor(options))


async def _doctor(options: Options) -> int:
    from zfspull.cli.here import job_of, load

    try:
        config = load(options)
    except ConfigError as error:
        if not options.json:
            raise
        print(json.dumps(_broken(error), indent=2))
        return ExitCode.CONFIG
    jobs = [job_of(config, options.job)] if options.job else list(config.jobs.values())
    findings = await look(options, config, jobs)
    return tell(findings, options, as_json=options.json)


async def look(options: Options, config: Config, jobs: Sequence[Job]) -> list[Finding]:
    """What there is to say of `jobs`, their hosts and this machine."""
    from zfspull.cli import here
    from zfspull.clock import SystemClock
    from zfspull.site.examine import examine
    from zfspull.site.looks import Here
    from zfspull.site.unit import daemon_user

    status, unreachable = await _status(options)
    async with here.opened(config) as generation:
        machine = Here(
            config=config,
            ends=generation.ends,
            clock=SystemClock(),
            daemon_user=await daemon_user(),
            state=options.paths.state,
            status=status,
            unreachable=unreachable,
        )
        return await examine(machine, jobs)


def tell(findings: Sequence[Finding], options: Options, *, as_json: bool) -> ExitCode:
    """Show what was found; the exit code says whether there is anything to mend."""
    from zfspull.cli.render_doctor import doctor_shape, doctor_view
    from zfspull.cli.terminal import look_at, show
    from zfspull.site.finding import healthy

    if as_json:
        print(json.dumps(doctor_shape(findings), indent=2))
    else:
        show(doctor_view(findings), look_at(sys.stdout, os.environ, no_color=options.no_color), sys.stdout)
    return ExitCode.OK if healthy(findings) else ExitCode.FAILED


async def _status(options: Options) -> tuple[dict[str, Any] | None, str]:
    """What the daemon says, None if none answers, and why not if there is one."""
    from zfspull.cli.there import find_daemon

    try:
        client = await find_daemon(options)
        return (await client.status() if client is not None else None), ""
    except ZfspullError as error:
        return None, str(error)


def _broken(error: ConfigError) -> dict[str, Any]:
    """The documented JSON where the configuration has mistakes: one finding for each."""
    from zfspull.cli.render_doctor import doctor_shape
    from zfspull.site.finding import Finding, Level

    return doctor_shape(
        [
            Finding(check="configuration", level=Level.FAIL, text=str(problem), mend="zfspull check-config")
            for problem in error.problems
        ]
    )
