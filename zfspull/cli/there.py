"""The daemon does the work and the command line follows: the same screens, fed through the control socket."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zfspull.cli.failure import UsageError, job_not_loaded, unknown_job
from zfspull.errors import ConfigError
from zfspull.events import Event, EventSink, RunFinished


if TYPE_CHECKING:
    from zfspull.cli.options import Options
    from zfspull.cli.screens import Screen
    from zfspull.daemon.client import Client


async def find_daemon(options: Options) -> Client | None:
    """A client of the daemon, None if there is none or another configuration than its own was asked for.

    Raises:
        DaemonUnreachableError: there is one, and it does not answer.
        PermanentError: there is a daemon, and this user may not talk to it.
    """
    from zfspull.daemon.client import DaemonAbsentError, connect

    if options.wants_other_config:
        return None
    try:
        return await connect(options.socket_path)
    except DaemonAbsentError:
        if options.socket is not None:
            raise
        return None


async def pull(client: Client, options: Options, screen: Screen) -> RunFinished:
    """Have the daemon pull the job that was asked for, and follow the run to its end. Ctrl-C ends the following only.

    Raises:
        ZfspullError: the daemon went away, or can't do it.
    """
    from zfspull.daemon.client import Waiting

    job = options.job
    await _require_job(client, options)
    finished: RunFinished | None = None
    with _says_that_it_goes_on(job):
        async for item in client.pull(job):
            if isinstance(item, Waiting):
                screen.wait(item.running, item.queue)
            else:
                screen.emit(item)
                finished = item if isinstance(item, RunFinished) else finished
    if finished is None:
        raise AssertionError  # the client ends with it or raises
    return finished


async def prune(
    client: Client, options: Options, events: EventSink, *, dry_run: bool, confirmed: bool
) -> dict[str, Any]:
    """Have the daemon prune the job that was asked for, and follow it to its end; answered in the documented shape.

    Raises:
        ZfspullError: the daemon went away, or can't do it.
    """
    from zfspull.daemon.client import Pruned

    job = options.job
    await _require_job(client, options)
    report: dict[str, Any] = {}
    with _says_that_it_goes_on(job):
        async for item in client.prune(job, dry_run=dry_run, confirm=confirmed):
            if isinstance(item, Pruned):
                report = item.report
            elif isinstance(item, Event):
                events.emit(item)
    return report


def not_there(options: Options, jobs: Iterable[str]) -> UsageError:
    """The error for a job that the daemon does not have among its `jobs`: it may have to load the files anew."""
    return job_not_loaded(options.job) if _is_written(options) else unknown_job(options.job, jobs)


def _is_written(options: Options) -> bool:
    from zfspull.config.load import load_config

    try:
        return options.job in load_config(options.config_path).jobs
    except ConfigError as error:
        return any(Path(problem.file).stem == options.job for problem in error.problems)


async def _require_job(client: Client, options: Options) -> None:
    jobs = (await client.status()).get("jobs", {})
    if options.job not in jobs:
        raise not_there(options, jobs)


@contextlib.contextmanager
def _says_that_it_goes_on(job: str) -> Iterator[None]:
    import asyncio

    try:
        yield
    except asyncio.CancelledError:
        print(f"zfspull: {job}: no longer followed; the daemon goes on with it (see `zfspull status`)", file=sys.stderr)
        raise
