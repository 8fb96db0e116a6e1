import pytest

from zfspull.cli import here
from zfspull.cli.failure import UsageError
from zfspull.daemon.history import History
from zfspull.daemon.lock import LockedError, job_lock
from zfspull.daemon.paths import Paths
from zfspull.events import Outcome, RunFinished, RunStarted, Trigger


@pytest.fixture
def paths(tmp_path):
    return Paths(state=tmp_path)


@pytest.fixture
def generation(make_generation):
    return make_generation("home", "vm")


@pytest.fixture
def job(generation):
    return generation.config.jobs["home"]


async def test_a_pull_tells_the_screen_and_the_history(paths, generation, job, *, work, recorder, clock):
    """What was pulled by hand counts as a run once the daemon starts."""
    work.let_go("home")

    finished = await here.pull(job, generation, recorder, work=work, paths=paths)

    assert finished.outcome is Outcome.SUCCESS
    assert [type(event) for event in recorder.events] == [RunStarted, RunFinished]
    assert recorder.events[0].trigger is Trigger.OPERATOR
    history = History(paths.history, clock)
    assert history.last_attempt("home").run_id == finished.run_id
    history.close()


async def test_a_target_is_never_worked_on_twice(paths, generation, job, work, recorder):
    """While another process holds the target, neither a pull nor a prune begins."""
    with job_lock(paths.locks, job.target):
        with pytest.raises(LockedError):
            await here.pull(job, generation, recorder, work=work, paths=paths)
        with pytest.raises(LockedError):
            await here.prune(job, generation, recorder, work=work, paths=paths, dry_run=False, confirmed=False)

    assert work.begun == []
    assert work.pruned == []


async def test_a_dry_run_needs_no_lock(paths, generation, job, work, recorder):
    """To see what would go is most wanted while something is going on."""
    with job_lock(paths.locks, job.target):
        report = await here.prune(job, generation, recorder, work=work, paths=paths, dry_run=True, confirmed=False)

    assert work.pruned == [("home", True, False)]
    assert (report["destroyed"], report["datasets"], report["source_datasets"]) == (1, [], [])


async def test_the_lock_is_free_after_a_prune(paths, generation, job, work, recorder):
    """A prune leaves nothing that the next run would wait for."""
    await here.prune(job, generation, recorder, work=work, paths=paths, dry_run=False, confirmed=True)

    assert work.pruned == [("home", False, True)]
    with job_lock(paths.locks, job.target):
        pass


def test_an_unknown_job_is_a_usage_error(make_config):
    """Before anything is connected to, the name is looked up."""
    config = make_config("home")

    assert here.job_of(config, "home").name == "home"
    with pytest.raises(UsageError, match="no job 'hom'"):
        here.job_of(config, "hom")


async def test_connections_are_closed_whatever_happens(make_config, monkeypatch):
    """An error in the work leaves no connection behind."""
    closed = []

    class Ends:
        def __init__(self, config, *, clock):
            self.config = config

        async def aclose(self):
            closed.append(self.config)

    monkeypatch.setattr("zfspull.hosts.ends.Ends", Ends)
    config = make_config("home")

    async def fail():
        async with here.opened(config):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert closed == [config]


def test_run_ids_are_unlike():
    """Two runs are never taken for one."""
    assert len({here.new_run_id() for _ in range(100)}) == 100
