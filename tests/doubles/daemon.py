"""Doubles for the daemon's tests: a configuration of jobs, ends that do nothing, work that a test directs.

Fixtures at the end; a conftest.py imports those that its tests use.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest

from zfspull.config.schema import Config, Host, Job, Limits
from zfspull.daemon.generation import Generation
from zfspull.events import Outcome, RunFinished, RunStarted, SnapshotsDestroyed
from zfspull.pull.prune import PruneReport


class Ends:
    def __init__(self):
        self.closed = False

    async def aclose(self):
        self.closed = True


class Timetable:
    """A timetable whose jobs fire when a test says so."""

    def __init__(self, fire):
        self.fire = fire
        self.firings = {}
        self.ticks = 0
        self.running = False

    def start(self):
        self.running = True

    def stop(self):
        self.running = False

    def set(self, firings):
        self.firings = {one.job: one for one in firings}

    def next_run(self, job):
        return 2_000_000.0 if job in self.firings else None

    def tick(self):
        self.ticks += 1


class Recorder:
    """A sink that keeps everything."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def of(self, kind, job=None):
        return [event for event in self.events if isinstance(event, kind) and job in (None, event.job)]


class Clock:
    """A clock that a test moves; waiting is real."""

    def __init__(self):
        self.wall, self.steady = 1_000_000.0, 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady

    async def sleep(self, seconds):
        await asyncio.sleep(0)


class Work:
    """Runs that last until a test lets them go, or do what a test says."""

    def __init__(self, clock):
        self.clock = clock
        self.gates = {}
        self.does = {}
        self.begun = []
        self.generations = []
        self.pruned = []
        self.foreseen = []

    async def prune(self, job, generation, events, *, run_id, dry_run, confirmed):
        self.pruned.append((job.name, dry_run, confirmed))
        if "prune" in self.does:
            await self.does["prune"]()
        events.emit(SnapshotsDestroyed(at=self.clock.now(), job=job.name, dataset=job.target, names=("a",), kept=1))
        return PruneReport(destroyed=1)

    async def foresee(self, job, generation):
        self.foreseen.append(job.name)
        return await self.does["foresee"](job) if "foresee" in self.does else None

    async def space(self, pool, generation):
        return await self.does["space"](pool) if "space" in self.does else None

    def let_go(self, job):
        self.gates.setdefault(job, asyncio.Event()).set()

    async def pull(self, job, generation, events, *, trigger, run_id):
        self.begun.append((job.name, trigger))
        self.generations.append(generation)
        events.emit(RunStarted(at=self.clock.now(), job=job.name, run_id=run_id, trigger=trigger, host=job.host))
        try:
            if job.name in self.does:
                await self.does[job.name]()
            else:
                await self.gates.setdefault(job.name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            events.emit(self.end(job, run_id, Outcome.CANCELLED))
            raise
        finished = self.end(job, run_id, Outcome.SUCCESS)
        events.emit(finished)
        return finished

    def end(self, job, run_id, outcome):
        return RunFinished(
            at=self.clock.now(),
            job=job.name,
            run_id=run_id,
            outcome=outcome,
            started_at=self.clock.now(),
            datasets=0,
            received_bytes=0,
            steps=0,
            resumed=0,
            retries=0,
            refused=0,
            failed=0,
            destroyed=0,
        )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def work(clock):
    return Work(clock)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def make_config():
    """Of job names, as in `home` or `home@otherhost`."""

    def make(*names, runs=4, schedule="@hourly", **more):
        hosts = {
            host: Host(name=host, address="192.0.2.1") for host in {name.partition("@")[2] or "gw" for name in names}
        }
        jobs = {}
        for full in names:
            name, _, host = full.partition("@")
            jobs[name] = Job(
                name=name, source=f"{host or 'gw'}:tank/{name}", target=f"backup/{name}", schedule=schedule
            )
        return Config(hosts=hosts, jobs=jobs, limits=Limits(runs=runs), http=None, **more)

    return make


@pytest.fixture
def make_generation(make_config):
    def make(*names, **more):
        return Generation(make_config(*names, **more), Ends())

    return make


@pytest.fixture
def new_run_id():
    numbers = itertools.count(1)
    return lambda: f"run{next(numbers)}"
