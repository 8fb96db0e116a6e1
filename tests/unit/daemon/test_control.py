"""The control socket and its client, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zfspull.daemon import client as client_module
from zfspull.daemon import control
from zfspull.daemon.client import (
    AnswerTooLongError,
    Client,
    DaemonAbsentError,
    DaemonUnreachableError,
    Pruned,
    Waiting,
    connect,
)
from zfspull.daemon.control import ControlServer
from zfspull.daemon.follow import Follower
from zfspull.daemon.protocol import Parted
from zfspull.daemon.prune_reply import parted, prune_reply
from zfspull.errors import LocalResourceError, RefusalError, TransientError
from zfspull.events import Noticed, Outcome, RunFinished, TransferProgress
from zfspull.plan.prune import DatasetPrune
from zfspull.pull.prune import PruneReport
from zfspull.pull.source_prune import SourcePruneReport
from zfspull.zfs.model import Snapshot


FINISHED = RunFinished(
    at=2.0,
    job="home",
    run_id="r1",
    outcome=Outcome.SUCCESS,
    started_at=1.0,
    datasets=1,
    received_bytes=5,
    steps=1,
    resumed=0,
    retries=0,
    refused=0,
    failed=0,
    destroyed=0,
)


class Commands:
    """Answers what a test says, and remembers what was asked."""

    def __init__(self):
        self.asked: list[dict] = []
        self.reply: object = {"pid": 1}

    async def answer(self, request):
        self.asked.append(request)
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply

    def queue(self):
        return {"running": ["a"], "queue": ["home"]}


@pytest.fixture
async def served(tmp_path):
    """A listening server, as (path, commands)."""
    commands = Commands()
    server = ControlServer(tmp_path / "s", commands)
    await server.start()
    yield tmp_path / "s", commands
    await server.stop()


async def talk(path, sent: bytes, *, eof: bool = True) -> list[dict]:
    """Send raw bytes and return all answers."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_unix_connection(path)
        with contextlib.suppress(ConnectionError):
            writer.write(sent)
            if eof:
                writer.write_eof()
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received += data
        writer.close()
        return [json.loads(line) for line in received.splitlines()]


async def test_a_question_is_answered(served):
    """What is asked is handed on, and the answer comes back."""
    path, commands = served
    commands.reply = {"version": 1, "jobs": {}}

    assert await Client(path).status() == {"version": 1, "jobs": {}}
    assert commands.asked == [{"command": "status"}]


async def test_the_socket_is_for_owner_and_group(served):
    """Nobody else on the machine may command the daemon."""
    path, _ = served
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


async def test_an_error_comes_back_as_itself(served):
    """The client raises what the daemon raised."""
    path, commands = served
    commands.reply = RefusalError("would destroy too much", hint="look", job="home")

    with pytest.raises(RefusalError, match="would destroy too much") as caught:
        await Client(path).reload()
    assert (caught.value.hint, caught.value.job) == ("look", "home")


async def test_a_bug_is_answered_and_harms_nobody_else(served):
    """P10: an unexpected error in one command is told to the client, and the next command works."""
    path, commands = served
    commands.reply = ZeroDivisionError("oops")
    with pytest.raises(Exception, match="bug in zfspull: ZeroDivisionError"):
        await Client(path).ping()
    commands.reply = {"pid": 2}

    assert await Client(path).ping() == {"pid": 2}


async def test_a_run_is_followed_to_its_end(served):
    """Whoever starts a run sees the queue, its events, and its end once."""
    path, commands = served
    follower = commands.reply = Follower()
    follower.emit(Noticed(at=1.0, job="home", reason="x", message="m"))
    follower.emit(FINISHED)
    follower.end(FINISHED)

    items = [item async for item in Client(path).pull("home")]

    assert items[0] == Waiting(running=("a",), queue=("home",))
    assert [type(item).__name__ for item in items[1:]] == ["Noticed", "RunFinished"]
    assert items[-1] == FINISHED
    assert commands.asked == [{"command": "pull", "job": "home", "follow": True}]


async def test_a_run_that_never_began_ends_in_its_error(served):
    """A follower of a queued run is told when it is not going to happen."""
    path, commands = served
    follower = commands.reply = Follower()
    follower.end(TransientError("the daemon is stopping"))

    with pytest.raises(TransientError, match="stopping"):
        _ = [item async for item in Client(path).pull("home")]


async def test_a_prune_ends_in_its_report(served):
    """The switches of a prune arrive, and its report comes back."""
    path, commands = served
    follower = commands.reply = Follower()
    follower.end({"destroyed": 3, "datasets": []})

    items = [item async for item in Client(path).prune("home", dry_run=True)]

    assert [type(item) for item in items] == [Pruned]
    assert (items[0].report["destroyed"], items[0].report["datasets"]) == (3, [])
    assert commands.asked == [{"command": "prune", "job": "home", "dry_run": True, "confirm": False}]


def snapshots(count):
    return tuple(Snapshot(name=f"auto-{n:07}", guid=n + 1, createtxg=n, creation=n) for n in range(count))


def long_report(count):
    """Two datasets with `count` snapshots each, of which half would go; one snapshot that is held, one dataset gone."""
    shots = snapshots(count)
    kept = {shot.guid: ("daily 2026-11-20", "guard: newest") for shot in shots[count // 2 :]}
    datasets = tuple(
        DatasetPrune(dataset=name, kept=kept, destroy=shots[: count // 2], stay=shots[count // 2 :])
        for name in ("vault/a", "vault/b")
    )
    return PruneReport(
        datasets=datasets,
        destroyed=count,
        skipped=(("vault/a", "x", "held"), ("vault/a", "y", "busy")),
        freed={"vault/a": 5},
        on_source=SourcePruneReport(datasets=datasets[:1]),
    )


async def test_a_report_of_any_length_comes_in_parts(served, monkeypatch):
    """P9: a prune is told in messages of bounded length however many snapshots there are, and arrives as one report."""
    path, commands = served
    report = long_report(4000)
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 512 * 1024)
    follower = commands.reply = Follower()
    follower.end(parted(report))

    (pruned,) = [item async for item in Client(path).prune("home", dry_run=True)]

    assert len(json.dumps(pruned.report)) > client_module.MAX_ANSWER_BYTES
    assert pruned.report == prune_reply(report)
    assert [len(dataset["keep"]) for dataset in pruned.report["datasets"]] == [2000, 2000]


async def test_a_long_report_leaves_the_loop_to_others(served):
    """P9: while a reader who keeps up is sent many parts, the rest of the daemon has its turn after each."""
    path, commands = served
    turns, at_part = 0, []

    async def take_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def parts():
        for number in range(50):
            at_part.append(turns)
            yield {"of": "datasets", "row": {"dataset": f"vault/{number}"}}

    others = asyncio.create_task(take_turns())
    follower = commands.reply = Follower()
    follower.end(Parted(parts(), {}))
    (pruned,) = [item async for item in Client(path).prune("home")]
    others.cancel()

    assert len(pruned.report["datasets"]) == 50
    assert sorted(set(at_part)) == at_part


async def test_the_report_of_a_daemon_not_yet_restarted_is_understood(served):
    """After an upgrade, a daemon that still sends a report as a whole is understood."""
    path, commands = served
    follower = commands.reply = Follower()
    follower.end({"destroyed": 1, "datasets": [{"dataset": "vault/a"}]})

    (pruned,) = [item async for item in Client(path).prune("home")]

    assert pruned.report["datasets"] == [{"dataset": "vault/a"}]


@pytest.mark.parametrize(
    "part", [5, {}, {"of": "secrets", "row": {}}, {"of": "datasets", "row": 5}, {"of": [], "row": {}}]
)
async def test_a_part_of_nothing_known_is_noticed(tmp_path, part):
    """P8: a part that belongs to no list of a report is an error, not a crash."""

    async def babble(reader, writer):
        await reader.readline()
        writer.write(json.dumps({"part": part}).encode() + b'\n{"result": {}}\n')
        writer.close()

    server = await asyncio.start_unix_server(babble, tmp_path / "s")
    with pytest.raises(DaemonUnreachableError, match="something unknown"):
        _ = [item async for item in Client(tmp_path / "s").prune("home")]
    server.close()


async def test_an_answer_too_long_is_not_taken_for_a_daemon_that_is_gone(served, monkeypatch):
    """Who asked learns that the daemon runs and did it, and is not sent to look whether it does."""
    path, commands = served
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1024)
    commands.reply = {"jobs": "x" * 5000}

    with pytest.raises(AnswerTooLongError, match="longer than 1024 bytes") as caught:
        await Client(path).status()
    assert not isinstance(caught.value, DaemonUnreachableError)
    assert "was done" in caught.value.hint


async def test_a_silent_run_is_known_to_be_alive(served, monkeypatch):
    """While nothing happens the daemon says so, so that the client can tell silence from death."""
    path, commands = served
    monkeypatch.setattr(control, "ALIVE_SECONDS", 0.02)
    follower = commands.reply = Follower()
    following = asyncio.create_task(talk(path, b'{"command":"pull","job":"home","follow":true}\n'))
    await asyncio.sleep(0.15)
    follower.end(FINISHED)
    answers = await following

    assert answers.count({"alive": True}) >= 2
    assert answers[-1]["result"]["type"] == "RunFinished"


async def test_a_client_that_vanishes_is_forgotten(served, monkeypatch):
    """Whoever goes away in the middle leaves nothing behind, and the run goes on."""
    path, commands = served
    monkeypatch.setattr(control, "ALIVE_SECONDS", 0.02)
    follower = commands.reply = Follower()
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"command":"pull","job":"home","follow":true}\n')
    await asyncio.sleep(0.05)
    writer.transport.abort()
    await asyncio.sleep(0.1)

    assert not [task for task in asyncio.all_tasks() if task.get_name() == "control client"]
    assert follower.result is None


async def test_a_client_that_does_not_read_is_left(served, monkeypatch):
    """P9: a slow reader costs a bounded queue, and after a time limit its connection."""
    path, commands = served
    monkeypatch.setattr(control, "WRITE_SECONDS", 0.1)
    follower = commands.reply = Follower(max_events=10)
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"command":"pull","job":"home","follow":true}\n')
    async with asyncio.timeout(10):
        for number in range(100_000):
            follower.emit(Noticed(at=0.0, reason="x", message="m" * 5000))
            follower.emit(
                TransferProgress(at=0.0, dataset="d", moved_bytes=number, expected_bytes=None, bytes_per_second=0.0)
            )
            await asyncio.sleep(0.001)
            if number > 10 and not [task for task in asyncio.all_tasks() if task.get_name() == "control client"]:
                break
    writer.close()

    assert follower.dropped > 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | st.sampled_from([b"\n", b"null\n", b"[" * 9000 + b"\n", b'{"command":"status"}']))
async def test_garbage_gets_an_error_and_does_nothing(served, sent):
    """P8: any bytes are answered with one error, and no command is carried out."""
    path, commands = served
    answers = await talk(path, sent)

    assert [list(answer) for answer in answers] == [["error"]]
    assert answers[0]["error"]["kind"] == "usage"
    assert commands.asked == []


async def test_a_request_without_end_is_refused(served):
    """P8, P9: a line longer than the limit is an error, not memory."""
    path, commands = served
    (answer,) = await talk(path, b"x" * 1_000_000, eof=False)

    assert "longer than 65536 bytes" in answer["error"]["message"]
    assert commands.asked == []


async def test_a_client_that_says_nothing_is_left(served, monkeypatch):
    """A connection without a request is closed after a time limit."""
    path, _ = served
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.05)
    (answer,) = await talk(path, b"", eof=False)

    assert "no request within" in answer["error"]["message"]


async def test_a_crowd_is_refused(served, monkeypatch):
    """P9: more clients than the limit are told to come back, and those who were there are served."""
    path, _ = served
    monkeypatch.setattr(control, "MAX_CLIENTS", 2)
    early = [await asyncio.open_unix_connection(path) for _ in range(2)]
    await asyncio.sleep(0.05)

    with pytest.raises(TransientError, match="too many clients"):
        await Client(path).ping()

    reader, writer = early[0]
    writer.write(b'{"command":"ping"}\n')
    assert json.loads(await reader.readline()) == {"result": {"pid": 1}}
    for _, one in early:
        one.close()


async def test_a_crowd_is_refused_in_words_however_slow_it_asks(served, monkeypatch):
    """One of too many clients that asks a moment after it was connected is told so, and not cut off while it asks."""
    path, _ = served
    monkeypatch.setattr(control, "MAX_CLIENTS", 1)
    first = await asyncio.open_unix_connection(path)
    reader, writer = await asyncio.open_unix_connection(path)
    await asyncio.sleep(0.1)
    writer.write(b'{"command":"ping"}\n')

    assert "too many clients" in json.loads(await reader.readline())["error"]["message"]
    for one in (first[1], writer):
        one.close()


async def test_connections_are_bounded_even_without_requests(served, monkeypatch):
    """P9: of very many connections that ask nothing yet, those beyond a bound are closed at once."""
    path, _ = served
    monkeypatch.setattr(control, "MAX_CONNECTIONS", 3)
    early = [await asyncio.open_unix_connection(path) for _ in range(3)]
    await asyncio.sleep(0.05)

    assert await talk(path, b"", eof=False) == []
    for _, one in early:
        one.close()


async def test_a_socket_left_by_a_crash_is_replaced(tmp_path):
    """P5: after a crash the daemon starts again without a hand."""
    first = ControlServer(tmp_path / "s", Commands())
    await first.start()
    first._server.close()  # as a kill -9 would: nobody removed the file
    await first._server.wait_closed()
    if not (tmp_path / "s").exists():  # Python 3.13 removes it by itself
        await asyncio.to_thread(_leave_stale_socket, tmp_path / "s")
    second = ControlServer(tmp_path / "s", Commands())
    await second.start()

    assert await Client(tmp_path / "s").ping() == {"pid": 1}
    await second.stop()
    assert not (tmp_path / "s").exists()


def _leave_stale_socket(path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(path))


async def test_a_file_in_the_way_is_not_removed(tmp_path):
    """P8: what is no socket is somebody's file; the daemon says so and leaves it."""
    (tmp_path / "s").write_text("precious")

    with pytest.raises(LocalResourceError, match="control socket"):
        await ControlServer(tmp_path / "s", Commands()).start()
    assert (tmp_path / "s").read_text() == "precious"


async def test_without_a_daemon_the_client_says_so(tmp_path):
    """Nobody listening is an error of its own, which the command line takes as "do it without"."""
    with pytest.raises(DaemonAbsentError, match="does not answer"):
        await connect(tmp_path / "s")


async def test_a_daemon_that_dies_is_noticed(tmp_path):
    """A connection that ends without a result is no success."""

    async def die(reader, writer):
        await reader.readline()
        writer.write(b'{"waiting": {"running": [], "queue": []}}\n')
        writer.close()

    server = await asyncio.start_unix_server(die, tmp_path / "s")
    with pytest.raises(DaemonUnreachableError, match="went away"):
        _ = [item async for item in Client(tmp_path / "s").pull("home")]
    server.close()


@pytest.mark.parametrize("line", [b"hello\n", b"[]\n", b'{"result": {"type": "FutureEvent"}}\n', b'{"event": 5}\n'])
async def test_a_stranger_on_the_socket_is_noticed(tmp_path, line):
    """P8: what answers in another language is an error, not a crash."""

    async def babble(reader, writer):
        await reader.readline()
        writer.write(line)
        writer.close()

    server = await asyncio.start_unix_server(babble, tmp_path / "s")
    with pytest.raises(DaemonUnreachableError):
        _ = [item async for item in Client(tmp_path / "s").pull("home")]
    server.close()
