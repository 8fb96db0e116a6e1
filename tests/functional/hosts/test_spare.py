"""The spare channel: a command on a connection that is up costs one round trip, and nothing hangs on the spare one."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.functional.hosts.sshhost import prints, silent
from tests.functional.hosts.waiting import until
from zfspull.errors import TransientError
from zfspull.hosts import spare


WAY_SECONDS = 0.3
ROUND_TRIP_SECONDS = 2 * WAY_SECONDS


async def prepared(connection):
    """The spare channel, once it is open."""
    await until(lambda: connection._link.spare._opening and connection._link.spare._opening.done())
    return connection._link.spare._opening.result()


async def round_trips(connection):
    """How long a command takes, in round trips; the best of three, for the machine may be busy."""
    times = []
    for _ in range(3):
        await prepared(connection)
        begun = time.monotonic()
        await connection.run(["zfs", "version"], timeout_seconds=20)
        times.append((time.monotonic() - begun) / ROUND_TRIP_SECONDS)
    return min(times)


async def test_a_command_costs_one_round_trip(ssh_host, proxy):
    """Over a long way, a command on a connection that is up takes less than two round trips."""
    connection = ssh_host.connection(port=proxy.port)
    ssh_host.known_hosts.write_text(ssh_host.known_hosts.read_text().replace(str(ssh_host.port), str(proxy.port)))
    await connection.run(["zfs", "version"], timeout_seconds=20)
    proxy.lengthen(WAY_SECONDS)

    assert 1.0 <= await round_trips(connection) < 1.9


async def test_without_a_spare_channel_all_works_as_before(ssh_host, monkeypatch):
    """Where asyncssh's inside is another, commands run over channels of their own."""
    monkeypatch.setattr(spare, "_SUPPORTED", False)
    ssh_host.script = prints("out")
    connection = ssh_host.connection()

    done = [await connection.run(["zfs", "version"], timeout_seconds=20) for _ in range(3)]

    assert [one.stdout for one in done] == ["out"] * 3
    assert connection._link.spare._opening is None


async def test_commands_at_once_share_nothing(ssh_host):
    """Of many commands at once one takes the spare channel, and each has its own output."""

    async def script(words, process):
        process.stdout.write(words[-1].encode())
        process.exit(int(words[-1]))

    ssh_host.script = script
    connection = ssh_host.connection()
    await connection.run(["zfs", "0"], timeout_seconds=20)
    await prepared(connection)

    done = await asyncio.gather(*(connection.run(["zfs", str(n)], timeout_seconds=20) for n in range(20)))

    assert [(one.stdout, one.status) for one in done] == [(str(n), n) for n in range(20)]


async def test_a_spare_channel_that_the_host_closed_is_not_used(ssh_host):
    """A host that closes what is idle costs the next command nothing but a channel of its own."""
    ssh_host.script = prints("out")
    connection = ssh_host.connection()
    await connection.run(["zfs", "version"], timeout_seconds=20)
    channel = await prepared(connection)
    for server in ssh_host.connections:
        for theirs in list(server._channels.values()):
            theirs.close()
    async with asyncio.timeout(20):
        await channel.wait_closed()

    assert (await connection.run(["zfs", "version"], timeout_seconds=20)).stdout == "out"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_lost_connection_is_told_as_ever(ssh_host, when):
    """With a spare channel too, a connection that is lost before or during a command is made anew, or told as lost."""
    connection = ssh_host.connection()
    await connection.run(["zfs", "version"], timeout_seconds=20)
    await prepared(connection)
    if when == "before":
        ssh_host.crash()
        connected = connection._link.connected
        async with asyncio.timeout(20):
            await connected.wait_closed()
        assert (await connection.run(["zfs", "version"], timeout_seconds=20)).status == 0
        return
    ssh_host.script = silent()
    running = asyncio.create_task(connection.run(["zfs", "version"], timeout_seconds=20))
    await until(lambda: ssh_host.running)
    ssh_host.crash()

    with pytest.raises(TransientError):
        await running
