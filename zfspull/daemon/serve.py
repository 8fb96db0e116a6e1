"""From the files to a running daemon: puts the real parts together. The command `zfspull daemon` calls `run_daemon`."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import zfspull
from zfspull.clock import SystemClock
from zfspull.config.load import load_config
from zfspull.daemon.books import BooksOnDisk
from zfspull.daemon.history import History
from zfspull.daemon.lock import daemon_lock
from zfspull.daemon.memory_file import MemoryOnDisk
from zfspull.daemon.notify import Notifier
from zfspull.daemon.observers import Observers
from zfspull.daemon.parts import Parts
from zfspull.daemon.paths import Paths
from zfspull.daemon.reload import Loader
from zfspull.daemon.schedule import Scheduler
from zfspull.daemon.service import Service
from zfspull.daemon.web import Web
from zfspull.daemon.work import PullWork
from zfspull.hosts.ends import Ends
from zfspull.observe.http import make_app, start_http
from zfspull.observe.loglines import LogSink
from zfspull.observe.logs import log_unraisable
from zfspull.observe.metrics import Metrics
from zfspull.observe.status import StatusBoard


if TYPE_CHECKING:
    from zfspull.clock import Clock
    from zfspull.daemon.work import Work
    from zfspull.observe.health import Check


RUN_ID_BYTES = 6


def run_daemon(config_path: Path | None = None, *, paths: Paths | None = None, socket: Path | None = None) -> int:
    """Be the daemon until SIGTERM or SIGINT; see `serve`."""
    sys.unraisablehook = log_unraisable
    return asyncio.run(serve(config_path, paths=paths, socket=socket))


async def serve(
    config_path: Path | None = None,
    *,
    paths: Paths | None = None,
    socket: Path | None = None,
    environment: Mapping[str, str] | None = None,
    work: Work | None = None,
    loader: Loader | None = None,
) -> int:
    """Be the daemon until SIGTERM or SIGINT. Logging is configured by the caller.

    Args:
        config_path: the main configuration file, instead of that of `paths`.
        paths: the daemon's directories, instead of those of the environment.
        socket: the control socket, instead of that of `paths`.
        environment: what systemd says, instead of this process's environment.
        work: what runs do, instead of pulling.
        loader: where the configuration comes from, instead of from files.

    Returns:
        0, after a clean stop.

    Raises:
        ConfigError: the configuration has mistakes (exit status 78).
        LockedError: another daemon runs (exit status 75).
        LocalResourceError: a directory, the socket or the HTTP address can't be used.
    """
    environment = os.environ if environment is None else environment
    paths = paths or Paths.from_environment(environment)
    clock = SystemClock()
    loader = loader or Loader(partial(load_config, config_path or paths.config_file), partial(Ends, clock=clock))
    with daemon_lock(paths.daemon_lock):
        generation = await loader.load()
        history = History(paths.history, clock)
        try:
            parts = _make_parts(
                loader=loader,
                work=work or PullWork(clock, BooksOnDisk(paths.books), MemoryOnDisk(paths.memory, clock)),
                history=history,
                clock=clock,
                notifier=Notifier(environment),
                paths=paths,
                socket=socket or paths.socket,
            )
            service = Service(generation, parts)
            with _Signals(service):
                await service.run()
        finally:
            await asyncio.to_thread(history.close)
    return 0


def _make_parts(
    *, loader: Loader, work: Work, history: History, clock: Clock, notifier: Notifier, paths: Paths, socket: Path
) -> Parts:
    board, metrics = StatusBoard(), Metrics(version=zfspull.__version__, clock=clock)

    def make_web(checks: dict[str, Check]) -> Web:
        checks = {**checks, "history": lambda: history.trouble or None}
        # An application serves once; each listener has one of its own.
        return Web(lambda address, port: start_http(make_app(metrics.registry, checks), address, port))

    return Parts(
        loader=loader,
        work=work,
        timetable=lambda fire: Scheduler(fire, clock),
        observers=Observers(history, (board, metrics), (LogSink(),)),
        snapshot=board.snapshot,
        loop_lag=metrics.loop_lag,
        make_web=make_web,
        notifier=notifier,
        clock=clock,
        locks=paths.locks,
        socket=socket,
        new_run_id=lambda: secrets.token_hex(RUN_ID_BYTES),
    )


class _Signals:
    """Signals as requests to the service, for as long as the context lasts."""

    def __init__(self, service: Service) -> None:
        self._handlers = {
            signal.SIGTERM: service.stop,
            signal.SIGINT: service.stop,
            signal.SIGHUP: service.request_reload,
        }

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number, handler in self._handlers.items():
            loop.add_signal_handler(number, handler)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self._handlers:
            loop.remove_signal_handler(number)
