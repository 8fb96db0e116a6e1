"""Children that may not be signalled: what `target.zfs: [sudo, -n, zfs]` starts belongs to root (kill(2): EPERM)."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tests.functional.hosts import children
from tests.functional.hosts.sshhost import MIB
from tests.functional.hosts.waiting import until
from zfspull.errors import LocalResourceError, TransientError
from zfspull.hosts import process
from zfspull.hosts.feeding import feed


@pytest.fixture(autouse=True)
def _not_permitted(monkeypatch):
    """Nothing may be signalled, and patience is short."""
    real = os.kill

    def kill(pid, number):
        if number:
            raise PermissionError(1, "Operation not permitted")
        real(pid, number)

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(process, "POLITE_SECONDS", 0.2)


def tells(directory, *, meets):
    """A shell that says who it is, lasts a second, and then tells by a file that it met the end of a pipe."""
    return ["sh", "-c", f"trap '' PIPE; echo $$ >{directory}/pid; sleep 1; {meets} touch {directory}/met"]


async def met(directory):
    """Return when the child has met the end of its pipe, and has ended."""
    await until((directory / "met").exists)
    await until(lambda: children.is_gone(int((directory / "pid").read_text())))


async def test_a_command_that_takes_too_long(tmp_path):
    """It is told as that, and that it runs on; nobody reads what it prints from then on."""
    with pytest.raises(LocalResourceError) as caught:
        await process.run(tells(tmp_path, meets="echo more 2>/dev/null ||"), timeout_seconds=0.3)

    assert caught.value.reason == "timeout"
    assert "runs on" in caught.value.message
    assert (tmp_path / "pid").read_text().strip() in caught.value.message
    await met(tmp_path)


async def test_a_command_that_prints_too_much():
    """It is ended by closing what it prints into, and told as printing too much."""
    started = time.monotonic()

    with pytest.raises(LocalResourceError) as caught:
        await process.run(["yes"], timeout_seconds=20, max_output_bytes=MIB)

    assert caught.value.reason == "too_much"
    assert time.monotonic() - started < 5


async def test_a_command_that_is_cancelled(tmp_path):
    """Whoever is cancelled is cancelled, and hears of no other error."""
    running = asyncio.create_task(process.run(tells(tmp_path, meets="echo more 2>/dev/null ||"), timeout_seconds=20))
    await until((tmp_path / "pid").exists)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await met(tmp_path)


async def stall(argv, *, size, begun, patience_seconds):
    """Feed a child so much, and give it up when it has begun."""
    async with feed(argv, patience_seconds=patience_seconds) as child:
        child.write(b"x" * size)
        await until(begun)
        raise TransientError("stalled", reason="stalled_target")


async def test_a_receive_that_hangs(tmp_path):
    """The reason for giving it up is told, and that it runs on; it finds the end of its stream when it looks."""
    argv = tells(tmp_path, meets="cat >/dev/null;")

    with pytest.raises(TransientError) as caught:
        await stall(argv, size=4 * MIB, begun=(tmp_path / "pid").exists, patience_seconds=0.2)

    assert caught.value.reason == "stalled_target"
    assert caught.value.message.startswith("stalled; ")
    assert "runs on" in caught.value.message
    await met(tmp_path)


async def test_a_receive_that_ends_in_time(tmp_path):
    """Of one that ends when its stream does nothing more is told."""
    argv = children.counts(tmp_path / "report")

    with pytest.raises(TransientError) as caught:
        await stall(argv, size=1000, begun=lambda: True, patience_seconds=20)

    assert caught.value.message == "stalled"
    assert (tmp_path / "report").read_text() == "eof after 1000"
