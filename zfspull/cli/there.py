"""The daemon does the work and the command line follows: the same screens, fed through the control socket."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zfspull.cli.failure import unknown_job
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


async def pull(client: Client, job: str, screen: Screen) -> RunFinished:
    """Have the daemon pull, and follow the run to its end. Ctrl-C ends the following only.

    Raises:
        ZfspullError: the daemon went away, or can't do it.
    """
    from zfspull.daemon.client import Waiting

    await require_job(client, job)
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


async def prune(client: Client, job: str, events: EventSink, *, dry_run: bool, confirmed: bool) -> dict[str, Any]:
    """Have the daemon prune, and follow it to its end; answered in the documented JSON shape.

    Raises:
        ZfspullError: the daemon went away, or can't do it.
    """
    from zfspull.daemon.client import Pruned

    await require_job(client, job)
    report: dict[str, Any] = {}
    with _says_that_it_goes_on(job):
        async for item in client.prune(job, dry_run=dry_run, confirm=confirmed):
            if isinstance(item, Pruned):
                report = item.report
            elif isinstance(item, Event):
                events.emit(item)
    return report


async def require_job(client: Client, job: str) -> None:
    """See to it that the daemon has the job.

    Raises:
        UsageError: it has not.
    """
    jobs = (await client.status()).get("jobs", {})
    if job not in jobs:
        raise unknown_job(job, jobs)


@contextlib.contextmanager
def _says_that_it_goes_on(job: str) -> Iterator[None]:
    import asyncio

    try:
        yield
    except asyncio.CancelledError:
        print(f"zfspull: {job}: no longer followed; the daemon goes on with it (see `zfspull status`)", file=sys.stderr)
        raise
