"""What the service is made of: everything that touches the world, so that tests bring their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from pathlib import Path

    from zfspull.clock import Clock
    from zfspull.daemon.notify import Notifier
    from zfspull.daemon.observers import Observers
    from zfspull.daemon.reload import Loader
    from zfspull.daemon.schedule import Timetable
    from zfspull.daemon.web import Web
    from zfspull.daemon.work import Work
    from zfspull.observe.health import Check


DRAIN_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a service is made of.

    Attributes:
        loader: reads the configuration.
        work: what a run does.
        timetable: makes the scheduler, given what to call with the name of a job whose time has come.
        observers: who is told of everything.
        snapshot: the status board's picture at a moment, seconds since the epoch.
        loop_lag: told how late the event loop is, in seconds.
        make_web: makes the HTTP listener, given what `/healthz` asks.
        notifier: systemd.
        clock: the time.
        locks: directory of the job locks.
        socket: path of the control socket.
        new_run_id: makes the identity of a run.
        drain_seconds: how long a stop waits for runs to stop.
    """

    loader: Loader
    work: Work
    timetable: Callable[[Callable[[str], None]], Timetable]
    observers: Observers
    snapshot: Callable[[float], dict[str, Any]]
    loop_lag: Callable[[float], None]
    make_web: Callable[[dict[str, Check]], Web]
    notifier: Notifier
    clock: Clock
    locks: Path
    socket: Path
    new_run_id: Callable[[], str]
    drain_seconds: float = DRAIN_SECONDS
