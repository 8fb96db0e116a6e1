"""P9: memory is bounded whatever the speed of either side, and the event loop stays responsive under full load."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.functional.hosts import children
from tests.functional.hosts.sshd import PROGRAM, sshd
from tests.functional.hosts.sshhost import MIB, streams
from tests.functional.pull.bench import ChildTarget, Pull
from tests.functional.pull.puller import measure
from zfspull.hosts.process import run
from zfspull.hosts.source import SshSource


ROOT = Path(__file__).parents[3]
WINDOW_BYTES = 2 * MIB
needs_sshd = pytest.mark.skipif(PROGRAM is None, reason="OpenSSH's server is not installed")


async def pull_elsewhere(login, sink, zfs=("zfs",)):
    """Pull in a process of its own; what that cost."""
    settings = {"login": asdict(login), "sink": sink, "zfs": zfs}
    argv = [sys.executable, "-m", "tests.functional.pull.puller", json.dumps(settings, default=str)]
    completed = await run(["env", "-C", str(ROOT), *argv], timeout_seconds=170)
    assert completed.ok, completed.stderr
    costs = json.loads(completed.stdout)
    tell(costs)
    return costs


def tell(costs):
    rate = costs["moved_bytes"] / costs["seconds"] / MIB
    sys.stdout.write(
        f"\n{costs['moved_bytes'] // MIB} MiB in {costs['seconds']:.1f} s, {rate:.0f} MiB/s, CPU {costs['cpu_seconds']:.1f} s,"
        f" peak {costs['peak_bytes'] / MIB:.0f} MiB, backlog {costs['backlog_bytes'] / MIB:.2f} MiB,"
        f" loop late by up to {costs['longest_delay_seconds'] * 1000:.0f} ms\n"
    )


@asynccontextmanager
async def openssh(directory, size):
    """A real sshd, and a `zfs` on it whose every stream has `size` bytes."""
    zfs = directory / "zfs"
    zfs.write_text(f"#!/bin/sh\nexec head -c {size} /dev/zero\n")
    zfs.chmod(0o755)
    async with sshd(directory) as login:
        yield login, (str(zfs),)


@needs_sshd
@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_p9_memory_is_bounded_with_openssh(tmp_path):
    """2 GiB from a real sshd through a receiver slower than the link leave the puller's peak memory under 150 MiB."""
    async with openssh(tmp_path, 2048 * MIB) as (login, zfs):
        costs = await pull_elsewhere(login, children.slow(130 * MIB), zfs)

    assert costs["moved_bytes"] == 2048 * MIB
    assert costs["peak_bytes"] < 150 * MIB
    assert costs["backlog_bytes"] <= 2 * WINDOW_BYTES + MIB


@pytest.mark.slow
async def test_p9_memory_is_bounded_with_asyncssh(ssh_host):
    """256 MiB from a server that always fills the window, through a slow receiver, cost the puller no more memory."""
    ssh_host.script = streams(256 * MIB)

    costs = await pull_elsewhere(ssh_host.login(), children.slow(60 * MIB))

    assert costs["moved_bytes"] == 256 * MIB
    assert costs["peak_bytes"] < 110 * MIB
    assert costs["backlog_bytes"] <= 2 * WINDOW_BYTES + MIB


@pytest.mark.slow
@pytest.mark.parametrize("rate_mib", [4, 40])
async def test_backlog_stays_within_two_windows(ssh_host, rate_mib):
    """However slow the receiver is, no more than two windows wait for it: one in the channel and one at its pipe."""
    ssh_host.script = streams(3 * rate_mib * MIB)
    connection = ssh_host.connection()
    pull = Pull(SshSource(connection), ChildTarget(children.slow(rate_mib * MIB)))

    costs = await measure(connection, pull)
    tell(costs)

    assert costs["moved_bytes"] == 3 * rate_mib * MIB
    assert costs["backlog_bytes"] >= WINDOW_BYTES // 2, "the receiver was not slow enough to show anything"
    assert costs["backlog_bytes"] <= 2 * WINDOW_BYTES + MIB


@needs_sshd
@pytest.mark.slow
async def test_p9_loop_stays_responsive(tmp_path):
    """One stream at full speed leaves the event loop free for everything else."""
    async with openssh(tmp_path, 384 * MIB) as (login, zfs):
        costs = await pull_elsewhere(login, children.SWALLOW, zfs)

    assert costs["moved_bytes"] == 384 * MIB
    assert costs["longest_delay_seconds"] < 1.0, "the machine may be busy, but not that busy"
