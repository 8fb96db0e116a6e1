"""Local processes: a command with its whole output, and a child that is fed a stream."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from unittest.mock import Mock

import pytest

from tests.functional.hosts import children
from tests.functional.hosts.sshhost import MIB
from tests.functional.hosts.waiting import until
from zfspull.errors import LocalResourceError, PermanentError
from zfspull.hosts.feeding import feed
from zfspull.hosts.process import is_permitted, run


def python(text):
    return [sys.executable, "-I", "-S", "-c", text]


async def test_output_and_status():
    """A command's output, what it said and its status arrive, and it runs with LC_ALL=C and no input of ours."""
    completed = await run(["sh", "-c", 'cat; echo "$LC_ALL"; echo bad >&2; exit 3'], timeout_seconds=20)

    assert (completed.status, completed.stdout, completed.stderr) == (3, "C\n", "bad\n")


async def test_names_with_foreign_bytes_survive():
    """Output that is no UTF-8 can be handed back to the system as it was."""
    completed = await run(["printf", "\\377"], timeout_seconds=20)

    assert completed.stdout.encode(errors="surrogateescape") == b"\xff"


@pytest.mark.parametrize("start", ["run", "feed"])
async def test_no_such_program(start):
    """A zfs(8) that isn't there is a permanent error with the setting to correct."""

    async def enter():
        async with feed(["/nowhere/zfs", "receive"]):
            pass

    starting = enter() if start == "feed" else run(["/nowhere/zfs", "list"], timeout_seconds=20)
    with pytest.raises(PermanentError) as caught:
        await starting

    assert caught.value.reason == "no_zfs"
    assert "/nowhere/zfs" in caught.value.message
    assert "target.zfs" in caught.value.hint


async def test_too_slow():
    """A command that outlives its time is ended and reaped."""
    started = time.monotonic()

    with pytest.raises(LocalResourceError) as caught:
        await run(["sleep", "300"], timeout_seconds=0.2)

    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 5


async def test_output_over_the_bound():
    """More output than allowed is refused, and the command that would print for ever is ended."""
    started = time.monotonic()

    with pytest.raises(LocalResourceError) as caught:
        await run(["yes"], timeout_seconds=20, max_output_bytes=MIB)

    assert caught.value.reason == "too_much"
    assert time.monotonic() - started < 5


async def test_flood_on_standard_error():
    """64 MiB on standard error leave its beginning and its end."""
    text = "import sys\nfor _ in range(64): sys.stderr.write('x' * (1 << 20))\nsys.stderr.write('the end')"

    completed = await run(python(text), timeout_seconds=20)

    assert completed.stderr.endswith("the end")
    assert len(completed.stderr) < 64 << 10


async def test_cancelled_command_is_reaped(tmp_path):
    """A command that is cancelled is ended and reaped before the cancellation goes on."""
    running = asyncio.create_task(run(["sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 300"], timeout_seconds=60))
    pid_file = tmp_path / "pid"
    await until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"))

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert children.is_gone(int(pid_file.read_text()))


async def test_fed_child_takes_everything(tmp_path):
    """Every byte reaches the child, `drain` returns when the pipe has them all, and its end is learnt."""
    async with feed(children.counts(tmp_path / "report")) as child:
        for _ in range(8):
            child.sink.write(b"x" * MIB)
        assert child.pending_bytes > 0
        await child.drain()
        assert child.pending_bytes == 0
        ended = await child.finish()

    assert ended.ok
    assert (tmp_path / "report").read_text() == f"eof after {8 * MIB}"


async def test_child_that_dies_breaks_the_sink():
    """A child that ends early breaks the sink; what is written then is swallowed, and nobody waits for it."""
    async with feed(children.dies(after_bytes=1000, text="cannot receive: out of space", status=1)) as child:
        for _ in range(8):
            child.write(b"x" * MIB)
        await child.drain()
        ended = await child.ended()
        child.write(b"more")

        assert (child.broken, child.pending_bytes) == (True, 0)
        assert (ended.status, ended.stderr) == (1, "cannot receive: out of space")
        assert await child.finish() == ended


async def test_child_that_is_killed():
    """A child that dies by a signal has its negative number as status."""
    async with feed(children.dies(after_bytes=0, text="", status=-signal.SIGKILL)) as child:
        assert (await child.finish()).status == -signal.SIGKILL


async def test_leaving_lets_the_child_save_its_state(tmp_path):
    """Whoever leaves early closes the stream first: the child sees its end and may save what it has."""
    async with feed(children.counts(tmp_path / "report")) as child:
        child.write(b"x" * 1000)
        await child.drain()
        pid = child._transport.get_pid()

    assert (tmp_path / "report").read_text() == "eof after 1000"
    assert children.is_gone(pid)


async def test_child_that_reads_nothing():
    """A child that takes nothing is terminated, whatever was pending for it."""
    async with feed(children.READS_NOTHING, patience_seconds=0.2) as child:
        child.write(b"x" * MIB)
        pid = child._transport.get_pid()

    assert children.is_gone(pid)
    assert (await child.ended()).status == -signal.SIGTERM


async def test_child_that_ignores_sigterm():
    """A child that ignores SIGTERM is killed and reaped."""
    async with feed(children.IGNORES_SIGTERM, patience_seconds=0.3) as child:
        pid = child._transport.get_pid()
        await until(child._stderr.text)

    assert children.is_gone(pid)
    assert (await child.ended()).status == -signal.SIGKILL


async def test_grandchild_that_stays():
    """A process that the child left behind, with its standard error still open, keeps nobody waiting."""
    async with feed(["sh", "-c", "sleep 20 & echo $! >&2; exit 1"]) as child, asyncio.timeout(10):
        ended = await child.finish()

    assert ended.status == 1
    await run(["sh", "-c", f"kill {ended.stderr.strip()}"], timeout_seconds=20)


async def test_child_is_reaped_however_often_cancelled(tmp_path):
    """A child is reaped before the context is left, even if the leaving itself is cancelled again and again."""
    started = asyncio.Event()
    pid = 0

    async def hold():
        nonlocal pid
        async with feed(children.READS_NOTHING, patience_seconds=0.3) as child:
            pid = child._transport.get_pid()
            started.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await started.wait()
    for _ in range(3):
        holding.cancel()
        await asyncio.sleep(0.02)
    with pytest.raises(asyncio.CancelledError):
        await holding

    assert children.is_gone(pid)


async def test_flood_from_a_fed_child():
    """A child that floods its standard error while it is fed costs no memory, and its last words are kept."""
    text = "import sys\nfor _ in range(64): sys.stderr.write('x' * (1 << 20))\nsys.stderr.write('the end')"
    async with feed(python(text)) as child:
        ended = await child.finish()

    assert ended.stderr.endswith("the end")
    assert len(ended.stderr) < 64 << 10


def test_a_child_that_has_ended_keeps_its_status_for_whoever_waits_for_it():
    """A signal for one that nobody has reaped yet is not sent, so its status is neither taken away nor complained of."""
    child = subprocess.Popen(["sh", "-c", "exit 3"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    transport = Mock(asyncio.SubprocessTransport, get_pid=lambda: child.pid)

    assert is_permitted(transport, signal.SIGTERM)

    transport.send_signal.assert_not_called()
    assert child.wait() == 3


@pytest.mark.parametrize("start", ["run", "feed"])
async def test_one_that_is_cancelled_just_when_it_ends_is_no_complaint_in_the_log(start, caplog, monkeypatch):
    """Whenever the cancellation comes, asyncio, which may be late to ask for it, misses no child's status."""
    ask = os.waitpid
    monkeypatch.setattr(os, "waitpid", lambda *which: time.sleep(0.02) or ask(*which))

    async def enter():
        async with feed(["true"]) as child:
            await child.ended()

    for turns in range(20):
        task = asyncio.ensure_future(enter() if start == "feed" else run(["true"], timeout_seconds=20))
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.to_thread(time.sleep, 0.005 * (turns % 3))
        task.cancel()
        await asyncio.wait({task})

    assert [record.getMessage() for record in caplog.records] == []


async def test_a_cancelled_start_that_fails_is_a_cancelled_start():
    """That the program is not there does not hide that nobody wants it any more."""
    starting = asyncio.ensure_future(run(["/nowhere/zfs", "list"], timeout_seconds=20))
    await asyncio.sleep(0)
    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await starting
