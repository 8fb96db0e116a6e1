import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from zfspull.cli import there
from zfspull.cli.failure import UsageError
from zfspull.daemon.client import DaemonUnreachableError, Pruned, Waiting
from zfspull.events import Outcome, RunFinished, RunStarted, SnapshotsDestroyed, Trigger


STARTED = RunStarted(at=1, job="home", run_id="1", trigger=Trigger.OPERATOR, host="gw")
FINISHED = RunFinished(
    at=2, job="home", run_id="1", outcome=Outcome.PARTIAL, started_at=1, datasets=1, received_bytes=0, steps=0,
    resumed=0, retries=0, refused=0, failed=1, destroyed=0,
)  # fmt: skip
REPORT = {"destroyed": 1, "skipped": [], "exceeded": None, "datasets": []}


class _Screen:
    def __init__(self):
        self.shown = []

    def emit(self, event):
        self.shown.append(event)

    def wait(self, running, queue):
        self.shown.append((running, queue))


class _Client:
    """A daemon that answers what the test put in."""

    def __init__(self, *items):
        self.items = items
        self.asked = []

    async def status(self):
        return {"jobs": {"home": {}, "vm": {}}}

    async def pull(self, job):
        self.asked.append(job)
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            yield item

    async def prune(self, job, *, dry_run, confirm):
        self.asked.append((job, dry_run, confirm))
        for item in self.items:
            yield item


def _options(**changes):
    nowhere = Path("/nonexistent")
    values = {"job": "home", "wants_other_config": False, "socket": None}
    paths = {"socket_path": nowhere / "s", "config_path": nowhere / "zfspull.yaml"}
    return SimpleNamespace(**{**values, **paths, **changes})


async def test_a_pull_is_followed_to_its_end():
    """The queue, every event and the outcome of the daemon's run reach the terminal."""
    screen = _Screen()

    finished = await there.pull(_Client(Waiting(("vm",), ("home",)), STARTED, FINISHED), _options(), screen)

    assert finished is FINISHED
    assert screen.shown == [(("vm",), ("home",)), STARTED, FINISHED]


async def test_an_unknown_job_is_not_asked_for():
    """A typing mistake gets the names that the daemon has."""
    client = _Client()

    with pytest.raises(UsageError) as caught:
        await there.pull(client, _options(job="hom"), _Screen())

    assert caught.value.hint == "did you mean 'home'? jobs: home, vm"
    assert client.asked == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("source: gw:tank/new\ntarget: backup/new\nschedule: manual\n", "zfspull reload"),
        ("source: gw:tank/new\n", "zfspull reload"),
        (None, "did you mean"),
    ],
)
async def test_a_job_that_is_not_loaded_yet_says_so(tmp_path, text, hint):
    """Who has just written a job's file, with mistakes or without, is told that the daemon has yet to load it."""
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "zfspull.yaml").write_text("hosts: {gw: {address: 192.0.2.1}}\n")
    if text is not None:
        (tmp_path / "jobs.d" / "homes.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        await there.prune(
            _Client(),
            _options(job="homes", config_path=tmp_path / "zfspull.yaml"),
            _Screen(),
            dry_run=True,
            confirmed=False,
        )
    assert hint in caught.value.hint


async def test_who_stops_watching_hears_that_the_run_goes_on(capsys):
    """Ctrl-C does not leave one in doubt about what became of the run."""
    with pytest.raises(asyncio.CancelledError):
        await there.pull(_Client(STARTED, asyncio.CancelledError()), _options(), _Screen())

    assert "the daemon goes on with it" in capsys.readouterr().err


async def test_a_prune_is_followed_to_its_report():
    """Events are shown, and the report is handed on as it is."""
    screen = _Screen()
    event = SnapshotsDestroyed(at=1, job="home", dataset="b/home", names=("a",), kept=1)
    client = _Client(event, Pruned(REPORT))

    assert await there.prune(client, _options(), screen, dry_run=False, confirmed=True) == REPORT
    assert client.asked == [("home", False, True)]
    assert screen.shown == [event]


async def test_without_a_daemon_there_is_none():
    """Nobody at the usual place means: do it here."""
    assert await there.find_daemon(_options()) is None


@pytest.mark.parametrize("answer", [b"", b"hello\n"])
async def test_a_daemon_that_breaks_off_is_not_taken_for_none(tmp_path, answer):
    """P10: whoever has connected has found a daemon: what goes wrong then is told, and no work is done behind its back."""

    async def break_off(reader, writer):
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(break_off, tmp_path / "s")
    with pytest.raises(DaemonUnreachableError):
        await there.find_daemon(_options(socket_path=tmp_path / "s"))
    server.close()


async def test_a_socket_that_was_named_must_answer():
    """Who names a socket wants that daemon and no work behind its back."""
    with pytest.raises(DaemonUnreachableError):
        await there.find_daemon(_options(socket=Path("/nonexistent/s")))


async def test_another_configuration_is_not_the_daemons(monkeypatch):
    """With a file of one's own no daemon is asked, even if there is one."""

    async def connect(path):
        raise AssertionError

    monkeypatch.setattr("zfspull.daemon.client.connect", connect)

    assert await there.find_daemon(_options(wants_other_config=True)) is None
