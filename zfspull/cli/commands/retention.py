"""`zfspull retention JOB`: what is kept and why, what goes, and when. Looks, and changes nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError
from zfspull.cli.options import Commands, Options, add_command, add_json


if TYPE_CHECKING:
    from zfspull.cli.retention_look import Look
    from zfspull.config.schema import Job

_DETAILS = """\
Lists the target and shows for each snapshot which rules and guards keep it, or that it goes, and when it will go if
snapshots arrive as before. With --simulate the same for a made-up listing: no machine is asked. Changes nothing."""
_EXAMPLES = """\
  zfspull retention home
  zfspull retention home --at 2027-01-01   as of then, with what arrives before
  zfspull retention home --simulate "every 15m for 2y"
  zfspull retention home --simulate "hourly for 90d" --json"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands,
        "retention",
        run,
        summary="show what the keep rules keep, why, and until when",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("job", metavar="JOB", help="name of the job")
    parser.add_argument("--at", metavar="TIME", default=None, help="judge as of that moment (ISO 8601; default: now)")
    parser.add_argument(
        "--simulate", metavar="TEXT", default=None, help='judge a made-up listing, such as "every 15m for 2y"'
    )
    add_json(parser)


def run(options: Options) -> int:
    """Show it; 0 whatever goes or stays."""
    from zfspull.cli.foreground import in_foreground
    from zfspull.cli.here import job_of, load
    from zfspull.cli.retention_look import simulated
    from zfspull.clock import SystemClock

    job = job_of(load(options), options.job)
    at = parse_moment(options.at, job)
    if options.simulate is not None:
        return tell(simulated(job, parse_listing(options.simulate), at, SystemClock()), options)
    return in_foreground(options, lambda: _look(options, at))


async def _look(options: Options, at: float | None) -> int:
    from zfspull.cli.here import context_of, job_of, load, opened
    from zfspull.cli.retention_look import look, look_at_moment

    config = load(options)
    job = job_of(config, options.job)
    async with opened(config) as generation:
        context = context_of(job, generation)
        return tell(await (look(job, context) if at is None else look_at_moment(job, context, at)), options)


def parse_moment(text: str | None, job: Job) -> float | None:
    """Seconds since the epoch of `--at`; without an offset it is the time of the job's zone.

    Raises:
        UsageError: it is no time.
    """
    from datetime import datetime

    from zfspull.plan.rhythm import FIRST_MOMENT, LAST_MOMENT

    if text is None:
        return None
    hint = "write for example 2027-01-01 or 2027-01-01T06:00+01:00"
    try:
        moment = datetime.fromisoformat(text)
        at = (moment if moment.tzinfo else moment.replace(tzinfo=job.zone)).timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--at {text!r} is no time", hint=hint) from error
    if not FIRST_MOMENT <= at <= LAST_MOMENT:
        raise UsageError(f"--at {text!r} is out of reach of calendars", hint=hint)
    return at


def parse_listing(text: str) -> Any:  # noqa: ANN401 - a Simulation; plan/ is imported when it is needed
    """What `--simulate` asks for.

    Raises:
        UsageError: that can't be meant.
    """
    from zfspull.plan.simulation import parse_simulation

    try:
        return parse_simulation(text)
    except ValueError as error:
        raise UsageError(f"--simulate: {error}", hint='as in --simulate "every 15m for 2y"') from error


def tell(seen: Look, options: Options) -> int:
    """Print what was seen."""
    from zfspull.cli.render_retention import retention_view
    from zfspull.cli.terminal import look_at, show

    shape = seen.shape()
    if options.json:
        print(json.dumps(shape, indent=2))
    else:
        terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
        show(retention_view(shape, seen.job.zone), terminal, sys.stdout)
    return ExitCode.OK
