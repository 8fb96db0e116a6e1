"""`zfspull cursors [JOB]`: the bookmarks and holds that zfspull has left on the sources; takes away named ones."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.cli.text import safe
from zfspull.errors import RefusalError, ZfspullError


if TYPE_CHECKING:
    from zfspull.cli.render_cursors import Found
    from zfspull.config.schema import Job
    from zfspull.daemon.generation import Generation

_DETAILS = """\
Lists what zfspull has left on the sources so that the base of each dataset
outlives pruning there: whose it is, and whether it is still of use. --release
takes away those that are named; what another backup box has left, and what may
be the only base of a replica, needs its name in --confirm too."""
_EXAMPLES = """\
  zfspull cursors                    on the sources of all jobs
  zfspull cursors home --json        of one job, for a program
  zfspull cursors home --release 'tank/home@daily-1=zfspull_home_1f0c92ab'"""
_AT_ONCE = 4
_AT_STAKE = {
    "needed": "is all that is left on the source of what its replica goes on from",
    "unknown": "may be the base of a replica that can't be seen from here (its pool not imported, or set aside)",
}
"""By what a cursor of ours is good for: why it does not go without a person's word."""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands,
        "cursors",
        run,
        summary="list what zfspull has left on the sources; take away what is named",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="one job (default: all)")
    parser.add_argument(
        "--release", metavar="NAME", nargs="+", action="extend", default=[], help="take these away, named as listed"
    )
    parser.add_argument(
        "--confirm",
        metavar="NAME",
        action="append",
        default=[],
        help="take this one away though it is another's, or may be needed",
    )
    add_json(parser)


def run(options: Options) -> int:
    """List, or take away; 3 if one is another's and was not confirmed, 1 if a host could not be asked."""
    from zfspull.cli.foreground import in_foreground

    if unasked := [name for name in options.confirm if name not in options.release]:
        raise UsageError(
            f"--confirm={unasked[0]} names nothing that --release does; nothing was done",
            hint="--confirm repeats a name that --release has",
        )
    return in_foreground(options, lambda: _cursors(options))


async def _cursors(options: Options) -> int:
    from zfspull.cli.here import job_of, load, opened

    config = load(options)
    jobs = [job_of(config, options.job)] if options.job else list(config.jobs.values())
    async with opened(config) as generation:
        found, errors = await find(jobs, generation)
        chosen = choose(found, options.release, options.confirm)
        released = await _release(chosen, config.jobs, generation, errors)
    if options.job and errors and not options.json:
        raise errors[0]
    _tell(found, released, errors, options)
    return exit_code(errors, jobs=len(jobs))


async def find(jobs: Sequence[Job], generation: Generation) -> tuple[list[Found], list[ZfspullError]]:
    """The cursors on the sources of some jobs, each once, and what kept a source from being asked."""
    import asyncio

    from zfspull.cli.here import context_of
    from zfspull.cli.render_cursors import Found, each_once
    from zfspull.plan.cursors import replica_tag
    from zfspull.pull.leftovers import list_leftovers

    places = asyncio.Semaphore(_AT_ONCE)
    ours = frozenset(replica_tag(generation.ends.machine, job.target) for job in generation.config.jobs.values())

    async def one(job: Job) -> tuple[list[Found], ZfspullError | None]:
        async with places:
            try:
                left = await list_leftovers(job, context_of(job, generation), ours=ours)
            except ZfspullError as error:
                error.job = error.job or job.name
                return [], error
            return [Found(job.name, job.host, leftover) for leftover in left], None

    results = await asyncio.gather(*(one(job) for job in jobs))
    found = each_once([cursor for cursors, _ in results for cursor in cursors])
    return found, [error for _, error in results if error]


def choose(found: Sequence[Found], names: Sequence[str], confirmed: Sequence[str]) -> list[Found]:
    """Those that are to be taken away.

    Raises:
        UsageError: a name is not among them.
        RefusalError: one is not ours, or may be the only base of a replica, and was not confirmed.
    """
    from zfspull.plan.leftovers import Whose

    known = {cursor.leftover.name for cursor in found}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no cursor {name!r}; nothing was done", hint="see `zfspull cursors` for the names"
            )
    chosen = [cursor for cursor in found if cursor.leftover.name in names]
    for cursor in chosen:
        name = cursor.leftover.name
        if name in confirmed:
            continue
        if cursor.leftover.whose is not Whose.OURS:
            raise RefusalError(
                f"{name} was not left by a job of this machine as it is configured now; nothing was done",
                hint=f"another backup box may need it; if you know that none does: add --confirm={name!r}",
                host=cursor.host,
                reason="not_ours",
            )
        if (why := _AT_STAKE.get(cursor.leftover.use)) is not None:
            raise RefusalError(
                f"{name} {why}; nothing was done",
                hint=f"without its base a replica can't go on; if you know that none needs it: add --confirm={name!r}",
                host=cursor.host,
                reason="needed",
            )
    return chosen


async def _release(
    chosen: Sequence[Found], jobs: Mapping[str, Job], generation: Generation, errors: list[ZfspullError]
) -> list[Found]:
    from zfspull.cli.here import context_of
    from zfspull.pull.leftovers import take_away

    released = []
    for cursor in chosen:
        try:
            await take_away(cursor.leftover, context_of(jobs[cursor.job], generation))
        except ZfspullError as error:
            errors.append(error)
        else:
            released.append(cursor)
    return released


def exit_code(errors: Sequence[ZfspullError], *, jobs: int) -> ExitCode:
    """How the command ends: the one job's error by its kind, one of several as a failure."""
    from zfspull.cli.failure import explain

    if not errors:
        return ExitCode.OK
    return explain(errors[0]).code if jobs == 1 else ExitCode.FAILED


def _tell(found: Sequence[Found], released: Sequence[Found], errors: Sequence[ZfspullError], options: Options) -> None:
    from zfspull.cli.render_cursors import cursors_shape, cursors_table
    from zfspull.cli.terminal import local_zone, look_at, show

    if options.json:
        print(json.dumps(cursors_shape(found, released, errors), indent=2))
        return
    for error in errors:
        hint = f"\n  hint: {safe(error.hint)}" if error.hint else ""
        print(f"{safe(str(error))}{hint}", file=sys.stderr)
    if options.release:
        for cursor in released:
            print(f"{safe(cursor.leftover.name)}: gone from {safe(cursor.host)}")
    elif not found:
        print("no cursors" if not errors else "no cursors where the source could be asked")
    else:
        terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
        show(cursors_table(found, local_zone()), terminal, sys.stdout)
