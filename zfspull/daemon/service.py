"""The daemon itself: start, go on, reload, drain, stop.

It owns no decision and no I/O: it puts parts together, and all that touches the world is given to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from zfspull.daemon.control import ControlServer
from zfspull.daemon.desk import Desk
from zfspull.daemon.edits import affected, judge
from zfspull.daemon.generation import CLOSE_SECONDS, Generation
from zfspull.daemon.observers import status_line
from zfspull.daemon.parts import Parts
from zfspull.daemon.prunes import Prunes
from zfspull.daemon.pulse import feed_watchdog, measure_lag, turn_seconds
from zfspull.daemon.reload import Reloader
from zfspull.daemon.runs import Runs
from zfspull.daemon.schedule import Firings
from zfspull.daemon.space import SpaceWatch
from zfspull.daemon.supervise import keep_going
from zfspull.errors import TransientError
from zfspull.events import ConfigLoaded, Trigger
from zfspull.log import log
from zfspull.observe.health import Check, Heartbeat
from zfspull.zfs.model import Space
from zfspull.zfs.names import pool


EXTEND_SECONDS = 30.0
"""Asked of systemd every few seconds of a drain, so that its TimeoutStopSec counts from the last sign of life."""


class Service:
    """The daemon. `run` returns when `stop` was called and everything is wound down."""

    def __init__(self, generation: Generation, parts: Parts) -> None:
        self._parts = parts
        self._turn_seconds = turn_seconds(parts.notifier)
        limit_seconds = 4 * self._turn_seconds  # half of the watchdog's
        self._heartbeats = {
            "scheduler": Heartbeat(parts.clock, limit_seconds=limit_seconds),
            "queue": Heartbeat(parts.clock, limit_seconds=limit_seconds),
        }
        self._rejected = ""
        self._timetable = parts.timetable(self._fire)
        self._web = parts.make_web({**self._progress, "config": lambda: self._rejected or None})
        self._runs = Runs(
            generation,
            work=parts.work,
            events=parts.observers,
            locks=parts.locks,
            clock=parts.clock,
            new_run_id=parts.new_run_id,
        )
        self._prunes = Prunes(work=parts.work, events=parts.observers, locks=parts.locks, new_run_id=parts.new_run_id)
        self._reloader = Reloader(parts.loader, self._web, self._approve, self._swap, parts.clock)
        self._space = SpaceWatch(
            pools=self._pools,
            look=self._look_at_pool,
            past=parts.observers.past_of_pool,
            events=parts.observers,
            clock=parts.clock,
        )
        desk = Desk(self._runs, self._prunes, reload=self._reload, snapshot=self._snapshot)
        self._control = ControlServer(parts.socket, desk)
        self._reload_wanted = asyncio.Event()
        self._stop_wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._status = ""

    @property
    def _progress(self) -> dict[str, Check]:
        return {name: heartbeat.check for name, heartbeat in self._heartbeats.items()}

    def stop(self) -> None:
        """Begin to stop; called again, wait no longer for runs."""
        if self._stop_wanted.is_set():
            self._hurry.set()
        self._stop_wanted.set()

    def request_reload(self) -> None:
        """Reload soon; several requests before it begins are one."""
        self._reload_wanted.set()

    async def run(self) -> None:
        """Be the daemon until `stop`.

        Raises:
            LocalResourceError: it can't listen; nothing was started.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._close_connections)
            config = self._runs.generation.config
            await self._web.move(config.http)
            stack.push_async_callback(self._web.stop)
            await self._control.start()
            stack.push_async_callback(self._control.stop)
            self._begin()
            stack.callback(self._timetable.stop)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(keep_going(part, work), name=part) for part, work in self._parts_of_run()]
                self._parts.notifier.ready(self._status_line())
                await self._stop_wanted.wait()
                await self._wind_down()
                for task in tasks:
                    task.cancel()

    def _parts_of_run(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        parts = self._parts
        yield "scheduler", self._keep_time
        yield "queue", lambda: self._runs.go_on(self._queue_turned, every_seconds=self._turn_seconds)
        yield "reload", self._reload_on_request
        yield "space", self._space.go_on
        yield "watchdog", lambda: feed_watchdog(parts.notifier, self._progress)
        yield "lag", lambda: measure_lag(parts.loop_lag)

    def _begin(self) -> None:
        config = self._runs.generation.config
        now = self._parts.clock.now()
        self._parts.observers.declare(config)
        self._parts.observers.emit(ConfigLoaded(at=now, ok=True, jobs=len(config.jobs)))
        self._timetable.start()
        for firings in self._schedule():
            last = self._parts.observers.last_completed_attempt(firings.job)
            if firings.missed(last=last, now=datetime.fromtimestamp(now, UTC)):
                self._runs.want(firings.job, Trigger.CATCH_UP)

    def _schedule(self) -> list[Firings]:
        """Have the timetable fire the jobs of the present configuration; returns when they fire."""
        jobs = self._runs.generation.config.jobs
        firings = [
            Firings(job=name, schedule=job.schedule, zone=job.zone, jitter_seconds=job.jitter_seconds)
            for name, job in jobs.items()
            if job.schedule is not None
        ]
        self._timetable.set(firings)
        self._show_next_runs()
        return firings

    def _fire(self, job: str) -> None:
        if job in self._runs.generation.config.jobs and not self._stop_wanted.is_set():
            self._runs.want(job, Trigger.SCHEDULE)

    async def _keep_time(self) -> None:
        while True:
            self._timetable.tick()
            self._show_next_runs()
            self._tell_status()
            self._heartbeats["scheduler"].beat()
            await asyncio.sleep(self._turn_seconds)

    def _queue_turned(self) -> None:
        self._tell_status()
        self._heartbeats["queue"].beat()

    def _status_line(self) -> str:
        line = status_line(self._parts.snapshot(self._parts.clock.now()))
        return f"{line}; the new configuration was rejected, the old one is in use" if self._rejected else line

    def _tell_status(self) -> None:
        line = self._status_line()
        if line != self._status and not self._stop_wanted.is_set():
            self._status = line
            self._parts.notifier.status(line)

    async def _reload_on_request(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            if not self._stop_wanted.is_set():
                await self._reload()

    async def _reload(self) -> ConfigLoaded:
        if self._stop_wanted.is_set():
            raise TransientError("the daemon is stopping")
        self._parts.notifier.reloading()
        try:
            loaded = await self._reloader.reload()
            self._rejected = loaded.message
            self._parts.observers.emit(loaded)
        finally:
            if not self._stop_wanted.is_set():  # nothing may follow STOPPING
                self._parts.notifier.ready(self._status_line())
        return loaded

    async def _approve(self, generation: Generation) -> None:
        """Refuse a configuration by which the next prune of a job would destroy more than that job allows."""
        new = generation.config
        unknown = await judge(
            affected(self._runs.generation.config, new),
            new.places,
            lambda job: self._parts.work.foresee(job, generation),
        )
        for job, why in unknown.items():
            log().warning("reload.unjudged", job=job, message=why, hint="its own max_destroy holds in any case")

    def _swap(self, generation: Generation) -> None:
        old = self._runs.generation
        self._runs.use(generation)
        self._parts.observers.declare(generation.config)
        self._schedule()
        self._space.hurry()
        task = asyncio.get_running_loop().create_task(old.close(wait=True), name="close old connections")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _pools(self) -> Iterator[str]:
        return (pool(job.target) for job in self._runs.generation.config.jobs.values())

    async def _look_at_pool(self, name: str) -> Space | None:
        generation = self._runs.generation
        with generation.used():
            return await self._parts.work.space(name, generation)

    async def _wind_down(self) -> None:
        notifier = self._parts.notifier
        notifier.stopping("stopping: waiting for runs to stop so that they resume later")
        self._timetable.stop()
        stuck = await self._runs.drain(
            self._parts.drain_seconds, on_wait=lambda: notifier.extend_timeout(EXTEND_SECONDS), hurry=self._hurry
        )
        if stuck:
            log().error("drain.incomplete", jobs=", ".join(stuck), hint="they end with this process, and resume")
        notifier.extend_timeout(EXTEND_SECONDS)
        await self._prunes.stop(CLOSE_SECONDS)

    async def _close_connections(self) -> None:
        self._parts.notifier.extend_timeout(2 * CLOSE_SECONDS + EXTEND_SECONDS)
        await self._runs.generation.close(wait=False)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)

    def _snapshot(self) -> dict[str, Any]:
        self._show_next_runs()
        return self._parts.snapshot(self._parts.clock.now())

    def _show_next_runs(self) -> None:
        self._parts.observers.show_next_runs(self._runs.generation.config.jobs, self._timetable.next_run)
