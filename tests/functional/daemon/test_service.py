"""The daemon as a whole, with work that a test directs and firings that a test makes."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import asynccontextmanager

import pytest

from tests.doubles.daemon import Ends, Timetable, Work
from zfspull.clock import SystemClock
from zfspull.config.schema import Http, Job
from zfspull.daemon.client import Client, Pruned
from zfspull.daemon.history import History
from zfspull.daemon.lock import LockedError
from zfspull.daemon.notify import Notifier
from zfspull.daemon.observers import Observers
from zfspull.daemon.parts import Parts
from zfspull.daemon.reload import Loader
from zfspull.daemon.service import Service
from zfspull.daemon.web import Web
from zfspull.errors import ConfigError, LocalResourceError, Problem
from zfspull.events import ConfigLoaded, Outcome, PoolObserved, RunFinished, SnapshotsDestroyed, Trigger
from zfspull.observe.status import StatusBoard
from zfspull.plan.prune import LimitExceeded
from zfspull.zfs.model import Space


TO_THIN = {
    "name": "home",
    "source": "gw:tank/home",
    "target": "backup/home",
    "schedule": "manual",
    "keep": {"last": 3},
}


class Listener:
    def __init__(self, place, open_places):
        self.place, self.open_places = place, open_places
        self.open_places.append(place)

    async def cleanup(self):
        self.open_places.remove(self.place)


class Daemon:
    """A service under test and everything around it."""

    def __init__(self, directory, recorder, new_run_id):
        self.directory, self.recorder, self.new_run_id = directory, recorder, new_run_id
        self.clock = SystemClock()
        self.work = Work(self.clock)
        self.config = None
        self.ends = []
        self.places = []
        self.bad_ports = set()
        self.client = Client(directory / "s")

    def load(self):
        if isinstance(self.config, BaseException):
            raise self.config
        return self.config

    def open_ends(self, config):
        self.ends.append(Ends())
        return self.ends[-1]

    async def listen(self, address, port):
        if port in self.bad_ports:
            raise LocalResourceError(f"can't listen on {address}:{port}")
        return Listener((address, port), self.places)

    def make_timetable(self, fire):
        self.timetable = Timetable(fire)
        return self.timetable

    def make_web(self, checks):
        self.checks = checks
        return Web(self.listen)

    @asynccontextmanager
    async def running(self, config, *, drain_seconds=5.0):
        """The daemon, from its start to its stop."""
        self.config = config
        loader = Loader(self.load, self.open_ends)
        history, board = History(self.directory / "h.sqlite", self.clock), StatusBoard()
        parts = Parts(
            loader=loader,
            work=self.work,
            timetable=self.make_timetable,
            observers=Observers(history, (board,), (self.recorder,)),
            snapshot=board.snapshot,
            loop_lag=lambda seconds: None,
            make_web=self.make_web,
            notifier=Notifier({}),
            clock=self.clock,
            locks=self.directory / "locks",
            socket=self.directory / "s",
            new_run_id=self.new_run_id,
            drain_seconds=drain_seconds,
        )
        self.service = Service(await loader.load(), parts)
        task = asyncio.create_task(self.service.run())
        await until(lambda: self.recorder.of(ConfigLoaded) or task.done())
        await until(lambda: self.timetable.ticks or task.done())
        try:
            yield self
        finally:
            self.service.stop()
            try:
                async with asyncio.timeout(20):
                    await task
            finally:
                history.close()

    def outcomes(self, job=None):
        return [event.outcome for event in self.recorder.of(RunFinished, job)]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is a test's own
            await asyncio.sleep(0.005)


@pytest.fixture
def daemon(tmp_path, recorder, new_run_id):
    return Daemon(tmp_path, recorder, new_run_id)


def bad_file():
    return ConfigError([Problem(file="jobs.d/home.yaml", line=3, column=1, key="keep", message="is wrong")])


async def caught_up(daemon, *jobs):
    """Let the catch-up runs of a fresh start pass."""
    for job in jobs:
        daemon.work.let_go(job)
    await until(lambda: len(daemon.outcomes()) >= len(jobs))
    daemon.work.gates.clear()
    daemon.work.begun.clear()
    daemon.recorder.events.clear()


async def test_three_scheduled_runs(daemon, make_config):
    """A job runs each time that it fires, and the status shows how it went and what comes next."""
    async with daemon.running(make_config("home")):
        await caught_up(daemon, "home")
        daemon.work.let_go("home")
        for count in range(1, 4):
            daemon.timetable.fire("home")
            await until(lambda count=count: len(daemon.outcomes()) == count)
        status = await daemon.client.status()

    assert daemon.work.begun == [("home", Trigger.SCHEDULE)] * 3
    assert daemon.outcomes() == [Outcome.SUCCESS] * 3
    assert status["jobs"]["home"]["last_run"]["outcome"] == "success"
    assert status["jobs"]["home"]["next_run_at"] == 2_000_000.0
    assert status["config"]["ok"] is True


async def test_missed_runs_are_made_up_for_once(daemon, make_config):
    """A run that should have begun while the daemon was down begins at its start; the next start finds it done."""
    config = make_config("home", "mail", schedule="@yearly")
    async with daemon.running(config):
        await until(lambda: len(daemon.work.begun) == 2)
        assert set(daemon.work.begun) == {("home", Trigger.CATCH_UP), ("mail", Trigger.CATCH_UP)}
        await caught_up(daemon, "home", "mail")
    async with daemon.running(config):
        await daemon.client.ping()

    assert daemon.work.begun == []


async def test_a_run_cut_off_by_a_stop_is_taken_up_at_the_next_start(daemon, make_config):
    """P5: what SIGTERM interrupted does not wait for its next firing, what an operator stopped does."""
    config = make_config("home", "mail", schedule="@yearly")
    async with daemon.running(config):
        await until(lambda: len(daemon.work.begun) == 2)
        assert await daemon.client.cancel("mail") == {"waited": False, "runs": True}
        await until(lambda: daemon.outcomes("mail"))
    assert daemon.outcomes("home") == [Outcome.CANCELLED]
    daemon.work.begun.clear()
    async with daemon.running(config):
        await until(lambda: daemon.work.begun)

    assert daemon.work.begun == [("home", Trigger.CATCH_UP)]


async def test_a_job_without_schedule_runs_on_request_only(daemon, make_config):
    """A manual job is neither made up for nor fired."""
    async with daemon.running(make_config("home", schedule="manual")):
        await daemon.client.ping()
        assert daemon.work.begun == []
        assert daemon.timetable.firings == {}
        await daemon.client.start("home")
        await until(lambda: daemon.work.begun == [("home", Trigger.OPERATOR)])


async def test_a_reload_swaps_jobs_and_keeps_runs(daemon, make_config):
    """New jobs are scheduled, removed ones are not, and a run of a removed job finishes on its old connections."""
    async with daemon.running(make_config("home")):
        await until(lambda: daemon.work.begun)
        daemon.config = make_config("mail", "web")
        assert await daemon.client.reload() == {"ok": True, "jobs": 2, "message": ""}
        assert set(daemon.timetable.firings) == {"mail", "web"}
        assert set((await daemon.client.status())["jobs"]) == {"mail", "web"}

        daemon.timetable.fire("home")  # a firing that was on its way
        old, new = daemon.ends
        assert not old.closed
        daemon.work.let_go("home")
        await until(lambda: old.closed)
        assert daemon.outcomes("home") == [Outcome.SUCCESS]
        assert not new.closed
    assert new.closed


@pytest.mark.parametrize("trouble", [bad_file(), OSError(5, "I/O error"), ZeroDivisionError("a bug")])
async def test_a_bad_file_changes_nothing(daemon, make_config, trouble):
    """P8: whatever is wrong with the new configuration, the old one goes on, and everybody can see what is wrong."""
    async with daemon.running(make_config("home")):
        await caught_up(daemon, "home")
        daemon.config = trouble
        answer = await daemon.client.reload()
        assert (answer["ok"], answer["jobs"]) == (False, 1)
        assert str(trouble) in answer["message"]
        assert daemon.checks["config"]() == answer["message"]
        assert set(daemon.timetable.firings) == {"home"}
        status = await daemon.client.status()
        assert status["config"]["ok"] is False

        daemon.timetable.fire("home")
        await until(lambda: daemon.work.begun == [("home", Trigger.SCHEDULE)])
        daemon.config = make_config("home")
        assert (await daemon.client.reload())["ok"] is True
        assert daemon.checks["config"]() is None


async def test_an_edit_that_would_destroy_too_much_changes_nothing(daemon, make_config):
    """P8: it is refused like a bad file, with the count, and what was opened for it is closed; the start is not."""

    def config(last):
        made = make_config("home", "mail", schedule="manual")
        jobs = {**made.jobs, "home": Job.model_validate({**TO_THIN, "keep": {"last": last}})}
        return dataclasses.replace(made, jobs=jobs, places={"home": Problem("home.yaml", 3, 7, "keep", "")})

    async def foresee(job):
        return LimitExceeded(9, 5, 10, "", "") if job.keep.sets[0].keep.last == 1 else None

    daemon.work.does["foresee"] = foresee
    async with daemon.running(config(last=1)):
        assert daemon.work.foreseen == []
        assert (await daemon.client.reload())["ok"] is True  # nothing changed, nothing is looked at
        assert daemon.work.foreseen == []
        daemon.config = config(last=2)
        assert (await daemon.client.reload())["ok"] is True
        daemon.config = config(last=1)
        answer = await daemon.client.reload()
        status = await daemon.client.status()

        assert answer["ok"] is False
        assert "home.yaml:3:7: keep: the next prune of job home would destroy 9 of 10 snapshots" in answer["message"]
        assert status["config"]["ok"] is False
        assert daemon.service._runs.generation.config.jobs["home"].keep == config(last=2).jobs["home"].keep
        assert [ends.closed for ends in daemon.ends] == [True, True, False, True]
        assert daemon.work.foreseen == ["home", "home"]


async def test_a_target_that_can_not_be_listed_is_no_reason_to_refuse(daemon, make_config):
    """A reload that mends something else must not wait for a pool that is away."""

    async def foresee(job):
        raise LocalResourceError("the pool is suspended")

    daemon.work.does["foresee"] = foresee
    async with daemon.running(make_config("mail", schedule="manual")):
        made = make_config("mail", schedule="manual")
        daemon.config = dataclasses.replace(made, jobs={**made.jobs, "home": Job.model_validate(TO_THIN)})

        assert await daemon.client.reload() == {"ok": True, "jobs": 2, "message": ""}


async def test_the_room_of_pools_is_shown(daemon, make_config):
    """The daemon looks at each pool by itself, at its start and after a reload; runs are not needed for it."""
    rooms = {"backup": Space(7, 3)}

    async def space(pool):
        return rooms[pool]

    daemon.work.does["space"] = space
    async with daemon.running(make_config("home", schedule="manual")):
        await until(lambda: daemon.recorder.of(PoolObserved))
        pools = (await daemon.client.status())["pools"]
        rooms["backup"] = Space(8, 2)
        await daemon.client.reload()
        await until(lambda: len(daemon.recorder.of(PoolObserved)) == 2)

    assert (pools["backup"]["used_bytes"], pools["backup"]["available_bytes"], pools["backup"]["full_at"]) == (
        7,
        3,
        None,
    )


async def test_a_listener_that_can_not_move_undoes_the_reload(daemon, make_config):
    """All or nothing: where the new address can't be bound, neither jobs nor address change."""

    def config(*jobs, port):
        return make_config(*jobs).__class__(
            **{
                **{name: getattr(make_config(*jobs), name) for name in ("hosts", "jobs", "limits")},
                "http": Http(listen=f"127.0.0.1:{port}"),
            }
        )

    async with daemon.running(config("home", port=9797)):
        daemon.bad_ports.add(9999)
        daemon.config = config("mail", port=9999)
        answer = await daemon.client.reload()
        assert answer["ok"] is False
        assert "9999" in answer["message"]
        assert daemon.places == [("127.0.0.1", 9797)]
        assert set(daemon.timetable.firings) == {"home"}
        assert [ends.closed for ends in daemon.ends] == [False, True]

        daemon.bad_ports.clear()
        assert (await daemon.client.reload())["ok"] is True
        assert daemon.places == [("127.0.0.1", 9999)]
    assert daemon.places == []


async def test_a_crash_of_one_job_leaves_the_others(daemon, make_config):
    """P10: a bug met by one job is a failed run; the daemon and its other jobs go on."""

    async def crash():
        raise RuntimeError("bug")

    daemon.work.does["home"] = crash
    async with daemon.running(make_config("home", "mail")):
        await until(lambda: daemon.outcomes("home"))
        daemon.work.let_go("mail")
        await until(lambda: daemon.outcomes("mail"))
        status = await daemon.client.status()

    assert daemon.outcomes() == [Outcome.FAILED, Outcome.SUCCESS]
    assert status["jobs"]["home"]["last_run"]["reason"] == "bug"


async def test_a_hanging_host_blocks_no_other(daemon, make_config):
    """P10: all jobs of a host that hangs leave a place for the jobs of others."""
    names = [f"stuck{number}@tar" for number in range(6)]
    async with daemon.running(make_config(*names, "home@gw", runs=3)):
        await until(lambda: ("home", Trigger.CATCH_UP) in daemon.work.begun)
        daemon.work.let_go("home")
        await until(lambda: daemon.outcomes("home") == [Outcome.SUCCESS])
        status = await daemon.client.status()

    assert status["queue"] == {"waiting": 4, "running": 2}


async def test_an_operator_follows_a_run(daemon, make_config):
    """`pull` through the daemon shows the run's events and ends with its outcome."""
    async with daemon.running(make_config("home")):
        await caught_up(daemon, "home")
        daemon.work.let_go("home")
        items = [item async for item in daemon.client.pull("home")]

    assert [type(item).__name__ for item in items] == ["Waiting", "RunStarted", "RunFinished"]
    assert items[-1].outcome is Outcome.SUCCESS


async def test_a_prune_runs_in_the_daemon(daemon, make_config):
    """`prune` through the daemon shows what goes, and its switches arrive as they were given."""
    async with daemon.running(make_config("home", schedule="manual")):
        items = [item async for item in daemon.client.prune("home", confirm=True)]

    assert daemon.work.pruned == [("home", False, True)]
    assert isinstance(items[0], SnapshotsDestroyed)
    assert isinstance(items[-1], Pruned)
    assert items[-1].report["destroyed"] == 1


async def test_a_prune_and_a_run_exclude_each_other(daemon, make_config):
    """P1: nothing is destroyed on a target that is being received into; a dry run may look."""
    async with daemon.running(make_config("home")):
        await until(lambda: daemon.work.begun)
        with pytest.raises(LockedError, match="is taken by process"):
            _ = [item async for item in daemon.client.prune("home")]
        assert [item async for item in daemon.client.prune("home", dry_run=True)]

    assert daemon.work.pruned == [("home", True, False)]


async def test_a_stop_tells_those_who_follow(daemon, make_config):
    """Whoever follows a run over a stop learns that it was cut off, rather than losing the connection."""
    async with daemon.running(make_config("home", schedule="manual")):
        following = asyncio.create_task(_all(daemon.client.pull("home")))
        await until(lambda: daemon.work.begun)
    items = await following

    assert items[-1].outcome is Outcome.CANCELLED
    assert items[-1].reason == "shutdown"


async def _all(items):
    return [item async for item in items]


async def test_a_stop_closes_everything(daemon, make_config):
    """After the stop nothing of the daemon is left: no task, no socket, no connection."""
    async with daemon.running(make_config("home", "mail")):
        await until(lambda: len(daemon.work.begun) == 2)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not (daemon.directory / "s").exists()
    assert daemon.ends[0].closed
    assert not daemon.timetable.running


async def test_a_start_that_fails_leaves_nothing(daemon, make_config):
    """A socket that can't be bound is a clear error, and what was opened before is closed."""
    (daemon.directory / "s").write_text("in the way")
    with pytest.raises(LocalResourceError, match="control socket"):
        async with daemon.running(make_config("home")):
            pass

    assert daemon.ends[0].closed
    assert daemon.work.begun == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
