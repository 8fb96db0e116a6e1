"""Runs: started when they may, and their trouble stays their own."""

from __future__ import annotations

import asyncio

import pytest

from zfspull.daemon.lock import job_lock
from zfspull.daemon.runs import LOCKED_RETRY_SECONDS, Runs, UnknownJobError
from zfspull.errors import PermanentError, TransientError
from zfspull.events import Noticed, Outcome, QueueChanged, RunFinished, RunStarted, Trigger


@pytest.fixture
def make_runs(make_generation, work, recorder, clock, tmp_path, new_run_id):  # noqa: PLR0917 - pytest passes fixtures
    def make(*names, **more):
        generation = make_generation(*(names or ("home", "mail")), **more)
        return Runs(generation, work=work, events=recorder, locks=tmp_path, clock=clock, new_run_id=new_run_id)

    return make


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def turn(runs):
    runs.turn()
    await settle()


async def test_a_wanted_run_is_started_and_its_end_noted(make_runs, work, recorder):
    """The usual case: queued, started, ended, and the queue is told at each change."""
    runs = make_runs()
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    work.let_go("home")
    await settle()
    runs.turn()

    assert work.begun == [("home", Trigger.SCHEDULE)]
    assert [event.outcome for event in recorder.of(RunFinished)] == [Outcome.SUCCESS]
    assert [(event.waiting, event.running) for event in recorder.of(QueueChanged)] == [(0, 1), (0, 0)]


async def test_a_crash_is_a_failed_run_and_nothing_more(make_runs, work, recorder):
    """P10: a bug in one run is counted and told, and the job runs again, as do the others."""

    async def crash():
        raise ZeroDivisionError("oops")

    runs = make_runs()
    work.does["home"] = crash
    for job in ("home", "mail"):
        runs.want(job, Trigger.SCHEDULE)
    await turn(runs)

    (finished,) = recorder.of(RunFinished, "home")
    assert (finished.outcome, finished.reason, finished.failed) == (Outcome.FAILED, "bug", 1)
    assert "ZeroDivisionError: oops" in finished.error
    assert runs.running == ("mail",)
    del work.does["home"]
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    assert set(runs.running) == {"home", "mail"}


async def test_an_error_that_escapes_is_a_failed_run_with_its_words(make_runs, work, recorder):
    """An error outside the work proper is recorded with its reason and hint."""

    async def fail():
        raise PermanentError("no key", hint="make one", reason="authentication")

    runs = make_runs()
    work.does["home"] = fail
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)

    (finished,) = recorder.of(RunFinished)
    assert (finished.error, finished.hint, finished.reason) == ("no key", "make one", "authentication")


async def test_a_cancelled_run_says_who_stopped_it(make_runs, recorder):
    """History can tell a run that an operator stopped from one that a shutdown cut off."""
    runs = make_runs()
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)

    assert runs.cancel("home") == (False, True)
    await settle()

    (finished,) = recorder.of(RunFinished)
    assert (finished.outcome, finished.reason) == (Outcome.CANCELLED, "operator")
    assert runs.running == ()


async def test_a_run_cancelled_before_its_first_step_is_accounted_for(make_runs, work, recorder):
    """A run stopped in the moment of its start leaves the job free, with a start and an end in the books."""
    runs = make_runs()
    runs.want("home", Trigger.SCHEDULE)
    runs.turn()
    runs.cancel("home")
    await settle()

    assert work.begun == []
    assert [type(event) for event in recorder.events if not isinstance(event, QueueChanged)] == [
        RunStarted,
        RunFinished,
    ]
    assert runs.running == ()
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    assert runs.running == ("home",)


async def test_cancelling_what_waits_takes_it_off_the_queue(make_runs):
    """A waiting run that is cancelled never starts, and who followed it is told."""
    runs = make_runs(runs=1)
    runs.want("mail", Trigger.SCHEDULE)
    await turn(runs)
    follower = runs.follow("home")

    assert runs.cancel("home") == (True, False)
    assert await follower.next() is None
    assert isinstance(follower.result, TransientError)
    assert runs.waiting == ()


async def test_a_follower_sees_the_run_after_the_present_one(make_runs, work, recorder):
    """Who asks for a pull gets one that began after the asking, from its start to its end."""
    runs = make_runs()
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    follower = runs.follow("home")
    work.let_go("home")
    await settle()
    await turn(runs)

    seen = []
    while (event := await follower.next()) is not None:
        seen.append(event)
    assert [type(event) for event in seen] == [RunStarted, RunFinished]
    assert seen[0].trigger is Trigger.OPERATOR
    assert {event.run_id for event in seen} == {"run2"}
    assert follower.result == seen[-1]


async def test_a_locked_target_is_tried_again_later(make_runs, work, recorder, clock, tmp_path):
    """While a foreground pull works on the target the daemon's run waits, says so once, and then goes ahead."""
    runs = make_runs()
    with job_lock(tmp_path, "backup/home"):
        follower = runs.follow("home")
        for _ in range(3):
            await turn(runs)
            clock.steady += LOCKED_RETRY_SECONDS
        assert work.begun == []
        assert recorder.of(RunFinished) == []
    await turn(runs)
    work.let_go("home")
    await settle()

    assert [event.reason for event in recorder.of(Noticed)] == ["locked"]
    assert work.begun == [("home", Trigger.OPERATOR)]
    assert follower.result.outcome is Outcome.SUCCESS


async def test_a_locked_job_holds_no_place(make_runs, work, tmp_path):
    """P10: a job that waits for a lock keeps nobody else from running."""
    runs = make_runs(runs=1)
    with job_lock(tmp_path, "backup/home"):
        for job in ("home", "mail"):
            runs.want(job, Trigger.SCHEDULE)
        await turn(runs)
        await turn(runs)

        assert runs.running == ("mail",)


async def test_a_reload_lets_runs_finish_under_their_configuration(make_runs, make_generation, work):
    """What runs keeps its connections, what starts later has the new ones, what is gone waits no longer."""
    runs = make_runs("home", "mail", runs=1)
    old = runs.generation
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    follower = runs.follow("mail")
    new = make_generation("web")
    runs.use(new)
    closing = asyncio.create_task(old.close(wait=True))
    runs.want("web", Trigger.SCHEDULE)
    await turn(runs)

    assert await follower.next() is None
    assert "gone from the configuration" in str(follower.result)
    assert work.generations == [old, new]
    assert not old.ends.closed
    work.let_go("home")
    await settle()
    await closing
    assert old.ends.closed
    assert runs.running == ("web",)


async def test_a_drain_stops_everything_and_starts_nothing(make_runs, work, recorder):
    """After SIGTERM runs are cut off so that they resume, and what waits is given up."""
    runs = make_runs(runs=1)
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    follower = runs.follow("mail")

    assert await runs.drain(10.0, on_wait=lambda: None, hurry=asyncio.Event()) == ()

    await turn(runs)
    assert [(event.job, event.reason) for event in recorder.of(RunFinished)] == [("home", "shutdown")]
    assert isinstance(follower.result, TransientError)
    assert len(work.begun) == 1
    with pytest.raises(TransientError, match="stopping"):
        runs.want("home", Trigger.OPERATOR)


@pytest.mark.parametrize("way", ["time", "hurry"])
async def test_a_run_that_does_not_stop_does_not_stop_the_stop(make_runs, work, clock, way):
    """P10: a drain ends after its time, or at a second signal, and names who did not stop."""
    freed = asyncio.Event()

    async def stubborn():
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    runs = make_runs()
    work.does["home"] = stubborn
    runs.want("home", Trigger.SCHEDULE)
    await turn(runs)
    hurry = asyncio.Event()

    def waited():
        if way == "time":
            clock.steady += 100.0
        hurry.set()

    stuck = await runs.drain(50.0, on_wait=waited, hurry=hurry)
    freed.set()
    await settle()

    assert stuck == ("home",)


async def test_a_job_that_does_not_exist_is_named(make_runs):
    """P8: a wrong name is an error that lists the right ones."""
    runs = make_runs()

    with pytest.raises(UnknownJobError) as caught:
        runs.want("hmoe", Trigger.OPERATOR)
    assert "home, mail" in caught.value.hint


async def test_the_loop_goes_on_by_itself(make_runs, work):
    """Wishes are acted on at once, and each turn is a sign of life."""
    runs = make_runs()
    beats = []
    task = asyncio.create_task(runs.go_on(lambda: beats.append(1), every_seconds=0.01))
    runs.want("home", Trigger.SCHEDULE)
    await asyncio.sleep(0.05)
    task.cancel()

    assert runs.running == ("home",)
    assert len(beats) >= 3
    runs.cancel("home")
    await settle()
