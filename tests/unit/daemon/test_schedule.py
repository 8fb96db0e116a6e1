"""When jobs fire."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.daemon.schedule import Firings, Scheduler, spread
from zfspull.plan.schedule import parse_schedule


NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    """Wall time that a test sets."""

    def __init__(self):
        self.wall, self.steady = 1000.0, 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady

    async def sleep(self, seconds):
        raise NotImplementedError


class Soon:
    """A schedule that fires every 20 ms of real time, for tests of the real scheduler."""

    def next_after(self, moment, zone):
        return moment + timedelta(milliseconds=20)


class Never:
    def next_after(self, moment, zone):
        return None


def firings(text: str = "@hourly", *, jitter: float = 0.0, job: str = "home", **more) -> Firings:
    return Firings(
        job=job, schedule=parse_schedule(text), zone=ZoneInfo("Europe/Berlin"), jitter_seconds=jitter, **more
    )


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@given(moments, st.sampled_from(["@hourly", "every 15m", "30 2 * * *"]), st.floats(0, 900), st.text(max_size=5))
def test_jitter_delays_and_loses_nothing(moment, text, jitter, job):
    """Each firing is one of the schedule, late by no more than the jitter, and each of the schedule has one."""
    plain, late = firings(text, job=job), firings(text, jitter=jitter, job=job)
    scheduled = [moment - timedelta(days=3)]
    while scheduled[-1] <= moment:
        scheduled.append(plain.after(scheduled[-1]))
    expected = [at + timedelta(seconds=jitter * spread(job, at)) for at in scheduled[1:]]

    assert late.after(moment) == min(at for at in expected if at > moment)


@given(moments)
def test_a_firing_is_the_same_in_any_process(moment):
    """A restart between a scheduled time and its jittered firing neither repeats nor loses it."""
    one = firings("every 10m", jitter=300.0)
    firing = one.after(moment)

    assert one.after(moment + (firing - moment) / 2) == firing
    assert one.after(firing) > firing


def test_jobs_are_spread():
    """The jitter of two jobs of one schedule differs, and uses its whole range."""
    places = [spread(f"job{number}", NOON) for number in range(1000)]

    assert min(places) < 0.01
    assert max(places) > 0.99
    assert len(set(places)) == 1000


@pytest.mark.parametrize(
    ("last", "missed"),
    [
        (None, True),
        (NOON - timedelta(minutes=61), True),
        (NOON - timedelta(minutes=1), True),
        (NOON, False),
        (NOON + timedelta(minutes=29), False),
        (NOON + timedelta(minutes=31), True),
        (NOON + timedelta(days=400), True),
    ],
)
def test_a_firing_since_the_last_attempt_was_missed(last, missed):
    """A run that should have begun while the daemon was down is made up for; one that was made, and not later than now, is not."""
    assert firings("@hourly").missed(last=last, now=NOON + timedelta(minutes=30)) is missed


def test_a_firing_put_off_by_its_jitter_is_not_missed_yet():
    """What is still to come by itself is not made up for."""
    late = firings("@hourly", jitter=1800.0, spread=lambda job, at: 1.0)

    assert not late.missed(last=NOON - timedelta(minutes=20), now=NOON + timedelta(minutes=29))
    assert late.missed(last=NOON - timedelta(minutes=20), now=NOON + timedelta(minutes=31))


@pytest.fixture
async def scheduler():
    """A running scheduler; what it fired is in `fired`."""
    fired: list[str] = []
    clock = Clock()
    scheduler = Scheduler(fired.append, clock)
    scheduler.fired, scheduler.test_clock = fired, clock
    scheduler.start()
    yield scheduler
    scheduler.stop()
    await asyncio.sleep(0.01)


def soon(job: str) -> Firings:
    return Firings(job=job, schedule=Soon(), zone=UTC)


async def wait_for(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is a test's own
            await asyncio.sleep(0.005)


async def test_jobs_fire_again_and_again(scheduler):
    """A scheduled job is fired at each of its times."""
    scheduler.set([soon("a")])

    await wait_for(lambda: len(scheduler.fired) >= 3)


async def test_a_removed_job_fires_no_more(scheduler):
    """After a reload only the new jobs fire, and those whose times stay keep their next firing."""
    scheduler.set([soon("a"), firings(job="b")])
    await wait_for(lambda: "a" in scheduler.fired)
    before = scheduler.next_run("b")
    scheduler.set([firings(job="b"), firings("every 5m", job="c")])
    scheduler.fired.clear()
    await asyncio.sleep(0.1)

    assert scheduler.fired == []
    assert scheduler.next_run("a") is None
    assert scheduler.next_run("b") == before
    assert scheduler.next_run("c") is not None


async def test_a_schedule_without_end_of_time_is_no_error(scheduler):
    """A job that never fires is known and silent, and can be removed."""
    scheduler.set([Firings(job="a", schedule=Never(), zone=UTC)])
    await asyncio.sleep(0.05)
    assert scheduler.next_run("a") is None
    scheduler.set([])

    assert scheduler.fired == []


async def test_missed_times_are_one_firing(scheduler, monkeypatch):
    """After a suspend of years a job fires once, at once, and the schedule is not counted through."""
    calls = 0

    class Counting(Soon):
        def next_after(self, moment, zone):
            nonlocal calls
            calls += 1
            return moment + timedelta(hours=1)

    scheduler.set([Firings(job="a", schedule=Counting(), zone=UTC)])
    scheduler._scheduler.get_job("a").modify(next_run_time=datetime(1970, 1, 1, tzinfo=UTC))
    scheduler.tick()
    await wait_for(lambda: scheduler.fired)
    await asyncio.sleep(0.05)

    assert scheduler.fired == ["a"]
    assert calls < 5


async def test_a_clock_set_back_does_not_silence_jobs(scheduler):
    """Jobs planned by a clock that was wrong by years fire by the right one."""
    scheduler.set([firings("every 5m", job="a")])
    scheduler._scheduler.get_job("a").modify(next_run_time=datetime(2090, 1, 1, tzinfo=UTC))
    scheduler.tick()
    assert scheduler.next_run("a") > datetime(2089, 1, 1, tzinfo=UTC).timestamp()

    scheduler.test_clock.wall -= 3600
    scheduler.tick()

    assert scheduler.next_run("a") < datetime(2089, 1, 1, tzinfo=UTC).timestamp()


async def test_a_stopped_scheduler_is_quiet(scheduler):
    """Nothing fires after the stop, and neither a second stop nor a tick is an error."""
    scheduler.set([soon("a")])
    await wait_for(lambda: scheduler.fired)
    scheduler.stop()
    await asyncio.sleep(0.03)
    scheduler.fired.clear()
    scheduler.stop()
    scheduler.tick()
    await asyncio.sleep(0.06)

    assert scheduler.fired == []
