"""Which wanted run may start."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from zfspull.daemon.dispatch import OPERATOR_LEAD, Dispatch, Place
from zfspull.events import Trigger


HOSTS = ("alpha", "beta", "gamma")
JOBS = {f"{host}{number}": Place(host, f"pool/{host}/{number}") for host in HOSTS for number in range(4)}


def dispatch_of(jobs: dict[str, Place], *, total: int = 10, per_host: int = 10) -> Dispatch:
    dispatch = Dispatch()
    dispatch.configure(jobs, total=total, per_host=dict.fromkeys(HOSTS, per_host))
    return dispatch


def started(dispatch: Dispatch, now: float = 0.0) -> list[str]:
    return [wish.job for wish in dispatch.start(now)]


class Dispatching(RuleBasedStateMachine):
    """Any order of wishes, starts and ends, over any limits."""

    @initialize(total=st.integers(1, 5), per_host=st.integers(1, 4))
    def begin(self, total, per_host):
        self.total, self.per_host = total, per_host
        self.dispatch = dispatch_of(JOBS, total=total, per_host=per_host)
        self.running: list[str] = []
        self.wanted: set[str] = set()

    @rule(job=st.sampled_from(sorted(JOBS)), trigger=st.sampled_from(list(Trigger)))
    def want(self, job, trigger):
        assert self.dispatch.want(job, trigger) is (job not in self.wanted)
        self.wanted.add(job)

    @rule()
    def start(self):
        for job in started(self.dispatch):
            assert job in self.wanted
            self.wanted.remove(job)
            self.running.append(job)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data):
        job = data.draw(st.sampled_from(self.running))
        self.running.remove(job)
        self.dispatch.finished(job)

    @rule(job=st.sampled_from(sorted(JOBS)))
    def withdraw(self, job):
        assert self.dispatch.withdraw(job) is (job in self.wanted)
        self.wanted.discard(job)

    @rule(jobs=st.sets(st.sampled_from(sorted(JOBS)), min_size=6))
    def reload(self, jobs):
        gone = self.dispatch.configure(
            {job: JOBS[job] for job in jobs}, total=self.total, per_host=dict.fromkeys(HOSTS, self.per_host)
        )
        assert set(gone) == self.wanted - jobs
        self.wanted &= jobs
        self.dispatch.configure(JOBS, total=self.total, per_host=dict.fromkeys(HOSTS, self.per_host))

    @invariant()
    def limits_hold(self):
        if not hasattr(self, "running"):
            return
        assert len(self.running) == len(set(self.running)), "a job overlaps itself"
        assert set(self.running) == self.dispatch.running
        assert len(self.running) <= self.total
        busiest = max(Counter(JOBS[job].host for job in self.running).values(), default=0)
        assert busiest <= min(self.per_host, max(1, self.total - 1)), "a host takes too much"
        assert set(self.dispatch.waiting) == self.wanted

    def teardown(self):
        """Everything queued starts in the end if what runs ends."""
        if not hasattr(self, "running"):
            return
        for _ in range(2 * len(JOBS)):
            self.start()
            if self.running:
                self.dispatch.finished(self.running.pop(0))
        assert not self.wanted


TestDispatching = Dispatching.TestCase
TestDispatching.__doc__ = "P10: whatever happens in whatever order, limits hold, no job overlaps itself, none starves."


@given(st.lists(st.sampled_from([job for job in sorted(JOBS) if job != "beta0"]), max_size=60))
def test_an_operator_who_never_tires_starves_nobody(noise):
    """A scheduled run starts in the end, whatever an operator keeps asking for meanwhile."""
    dispatch = dispatch_of(JOBS, total=1)
    dispatch.want("beta0", Trigger.SCHEDULE)
    for turn in range((OPERATOR_LEAD + len(JOBS)) * len(HOSTS)):
        for job in (*noise[turn % 5 : turn % 5 + 3], "beta2", "beta1"):
            dispatch.want(job, Trigger.OPERATOR)
        (job,) = started(dispatch)
        if job == "beta0":
            return
        dispatch.finished(job)
    pytest.fail("beta0 never started")


def test_hosts_take_turns():
    """A host with many queued jobs does not starve a host with one."""
    dispatch = dispatch_of(JOBS, total=1)
    for job in ("alpha0", "alpha1", "alpha2", "alpha3", "beta0"):
        dispatch.want(job, Trigger.SCHEDULE)

    order = []
    for _ in range(3):
        order += started(dispatch)
        dispatch.finished(order[-1])

    assert order == ["alpha0", "beta0", "alpha1"]


def test_a_hanging_host_leaves_a_place_for_others():
    """P10: with all jobs of one host hanging there is still room for a job of another."""
    dispatch = dispatch_of(JOBS, total=4)
    for number in range(4):
        dispatch.want(f"alpha{number}", Trigger.SCHEDULE)
    assert len(started(dispatch)) == 3

    dispatch.want("beta0", Trigger.SCHEDULE)

    assert started(dispatch) == ["beta0"]


def test_the_only_host_takes_all_places():
    """Where nobody else needs a place, none is kept free."""
    jobs = {job: place for job, place in JOBS.items() if place.host == "alpha"}
    dispatch = dispatch_of(jobs, total=4)
    for job in jobs:
        dispatch.want(job, Trigger.SCHEDULE)

    assert len(started(dispatch)) == 4


def test_an_operator_overtakes_scheduled_wishes():
    """What a person waits for at a terminal comes before what was queued by the clock."""
    dispatch = dispatch_of(JOBS, total=1)
    for job in ("alpha0", "alpha1", "alpha2"):
        dispatch.want(job, Trigger.SCHEDULE)
    dispatch.want("alpha2", Trigger.OPERATOR)

    (wish,) = dispatch.start(0.0)

    assert (wish.job, wish.trigger) == ("alpha2", Trigger.OPERATOR)


def test_a_late_firing_joins_the_one_that_waits():
    """A job that waits is not queued twice, and one that runs is queued once more at most."""
    dispatch = dispatch_of(JOBS)
    dispatch.want("alpha0", Trigger.SCHEDULE)
    assert started(dispatch) == ["alpha0"]

    assert [dispatch.want("alpha0", Trigger.SCHEDULE) for _ in range(3)] == [True, False, False]
    assert started(dispatch) == []
    dispatch.finished("alpha0")
    assert started(dispatch) == ["alpha0"]
    assert dispatch.waiting == ()


def test_a_delayed_wish_waits_until_it_is_due():
    """A job whose target was locked starts no earlier than it was put off to, unless an operator asks."""
    dispatch = dispatch_of(JOBS)
    dispatch.want("alpha0", Trigger.SCHEDULE, not_before=30.0)
    dispatch.want("alpha1", Trigger.SCHEDULE, not_before=30.0)
    dispatch.want("alpha1", Trigger.OPERATOR)

    assert started(dispatch, now=29.0) == ["alpha1"]
    assert dispatch.next_due(29.0) == 30.0
    assert started(dispatch, now=30.0) == ["alpha0"]
    assert dispatch.next_due(30.0) is None


@pytest.mark.parametrize("other", ["pool/gw", "pool/gw/home", "pool"])
def test_runs_into_one_tree_exclude_each_other(other):
    """After a reload a new job waits for a run of the old configuration that writes into the same tree."""
    dispatch = dispatch_of({"old": Place("alpha", "pool/gw")})
    dispatch.want("old", Trigger.SCHEDULE)
    assert started(dispatch) == ["old"]
    dispatch.configure({"new": Place("beta", other)}, total=10, per_host={})
    dispatch.want("new", Trigger.SCHEDULE)

    assert started(dispatch) == []
    dispatch.finished("old")
    assert started(dispatch) == ["new"]


def test_an_unknown_job_can_not_be_wanted():
    """A name that no job has is an error of whoever asks, and changes nothing."""
    dispatch = dispatch_of(JOBS)

    with pytest.raises(KeyError):
        dispatch.want("nobody", Trigger.OPERATOR)
    assert dispatch.waiting == ()
