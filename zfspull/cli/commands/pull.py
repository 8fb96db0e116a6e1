"""`zfspull pull JOB`: one run now, followed to its end; by the daemon if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.events import Outcome


if TYPE_CHECKING:
    from zfspull.cli.screens import Screen
    from zfspull.events import RunFinished

_DETAILS = """\
With a daemon running it does the work, and Ctrl-C ends only the watching. Without
one the pull is done here, under the same lock; Ctrl-C stops it so that it resumes."""
_EXAMPLES = """\
  zfspull pull home
  zfspull pull home --json | jq 'select(.type == "RunFinished")'"""

OUTCOMES: dict[Outcome, ExitCode] = {
    Outcome.SUCCESS: ExitCode.OK,
    Outcome.PARTIAL: ExitCode.FAILED,
    Outcome.FAILED: ExitCode.FAILED,
    Outcome.REFUSED: ExitCode.REFUSED,
    Outcome.CANCELLED: ExitCode.TRY_LATER,
}


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands, "pull", run, summary="pull one job now and follow it", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("job", metavar="JOB", help="name of the job")
    add_json(parser)


def run(options: Options) -> int:
    """Pull; the exit code says how the run ended."""
    from zfspull.cli.foreground import in_foreground

    return in_foreground(options, lambda: _pull(options))


async def _pull(options: Options) -> int:
    from zfspull.cli import there
    from zfspull.cli.screens import run_screen

    client = await there.find_daemon(options)
    with run_screen(options) as screen:
        if client is not None:
            finished = await there.pull(client, options, screen)
        else:
            finished = await _pull_here(options, screen)
    return OUTCOMES[finished.outcome]


async def _pull_here(options: Options, screen: Screen) -> RunFinished:
    from zfspull.cli import here
    from zfspull.clock import SystemClock
    from zfspull.daemon.books import BooksOnDisk
    from zfspull.daemon.memory_file import MemoryOnDisk
    from zfspull.daemon.work import PullWork

    config = here.load(options)
    job = here.job_of(config, options.job)
    async with here.opened(config) as generation:
        clock = SystemClock()
        work = PullWork(clock, BooksOnDisk(options.paths.books), MemoryOnDisk(options.paths.memory, clock))
        return await here.pull(job, generation, screen, work=work, paths=options.paths)
