"""`zfspull plan [JOB]`: what the next run would send and destroy. Looks at both ends, changes nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.errors import ZfspullError


if TYPE_CHECKING:
    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation
    from zfspull.pull.books import Books

_DETAILS = """\
Lists both ends, decides what to send and what to prune, asks ZFS for the sizes,
and shows it. Changes nothing on either side."""
_EXAMPLES = """\
  zfspull plan              all jobs
  zfspull plan home --json  one job, for a program"""
_AT_ONCE = 4


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands,
        "plan",
        run,
        summary="show what would be sent and pruned; changes nothing",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="one job (default: all)")
    add_json(parser)


def run(options: Options) -> int:
    """Preview one job or all; 3 if something needs a decision, 1 if a job of several could not be looked at."""
    from zfspull.cli.foreground import in_foreground

    return in_foreground(options, lambda: _plan(options))


async def _plan(options: Options) -> int:
    from zfspull.cli.here import job_of, load, opened
    from zfspull.daemon.books import BooksOnDisk

    config = load(options)
    jobs = [job_of(config, options.job)] if options.job else list(config.jobs.values())
    async with opened(config) as generation:
        results = await preview_all(jobs, generation, BooksOnDisk(options.paths.books))
    shapes = [shape for shape, _ in results]
    errors = [error for _, error in results if error]
    if options.job and errors and not options.json:
        raise errors[0]
    if options.json:
        print(json.dumps({"jobs": shapes}, indent=2))
    else:
        _show(shapes, options)
    return exit_code(shapes, errors)


async def preview_all(
    jobs: Sequence[Job], generation: Generation, books: Books | None = None
) -> list[tuple[dict[str, Any], ZfspullError | None]]:
    """The shape of each job's plan, and what kept it from being made; a few jobs at a time."""
    import asyncio

    places = asyncio.Semaphore(_AT_ONCE)

    async def one(job: Job) -> tuple[dict[str, Any], ZfspullError | None]:
        async with places:
            return await preview(job, generation, books)

    return await asyncio.gather(*(one(job) for job in jobs))


async def preview(
    job: Job, generation: Generation, books: Books | None = None
) -> tuple[dict[str, Any], ZfspullError | None]:
    """The shape of one job's plan; its trouble is its own."""
    from zfspull.cli.here import context_of
    from zfspull.cli.shapes import failed_plan_shape, plan_shape
    from zfspull.pull.preview import preview_job

    try:
        found = await preview_job(job, context_of(job, generation, books))
    except ZfspullError as error:
        return failed_plan_shape(job.name, job.host, error), error
    shape = plan_shape(
        job.name,
        job.host,
        found.plan,
        found.bytes,
        found.prune,
        source_prunes=found.source_prune,
        missing=found.missing,
    )
    return shape, None


def exit_code(shapes: Sequence[dict[str, Any]], errors: Sequence[ZfspullError]) -> ExitCode:
    """How the command ends: the one job's error by its kind, one of several as a failure, then refusals."""
    from zfspull.cli.failure import explain

    if errors:
        return explain(errors[0]).code if len(shapes) == 1 else ExitCode.FAILED
    return ExitCode.REFUSED if any(shape["totals"]["refused"] for shape in shapes) else ExitCode.OK


def _show(shapes: Sequence[dict[str, Any]], options: Options) -> None:
    from zfspull.cli.render_plan import plan_view
    from zfspull.cli.terminal import local_zone, look_at, show

    if not shapes:
        print("no job is configured")
    terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
    for number, shape in enumerate(shapes):
        if number:
            print()
        show(plan_view(shape, local_zone()), terminal, sys.stdout)
