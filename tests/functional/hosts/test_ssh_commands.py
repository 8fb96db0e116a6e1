"""Commands over SSH: their output, their end, their words, and how many run at once."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.functional.hosts.sshhost import MIB, prints, silent, streams
from tests.functional.hosts.waiting import until
from zfspull.config.values import MOST_STREAMS
from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.ports import Ended
from zfspull.hosts.process import run


class Nowhere:
    """A sink that takes everything at once."""

    broken = False
    pending_bytes = 0

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)

    async def drain(self):
        pass


def stream(connection, words=("zfs", "send"), sink=None, heard=lambda text: None):
    return connection.stream(words, sink or Nowhere(), limiter=None, on_stderr=heard)


NASTY = [
    "tank/a b@it's",
    '"double"',
    "$(touch /tmp/owned)",
    "`id`",
    "a;b|c&d",
    "",
    "back\\slash",
    "*?[a]",
    "~",
    "ä☃",
    "-n",
]


async def test_output_and_status(ssh_host):
    """A command's output, what it said, and its exit status all arrive, whatever bytes there are."""
    ssh_host.script = prints("one\ttwo\n\udcff\n", "warning: ä\n", 3)

    completed = await ssh_host.connection().run(["zfs", "list"], timeout_seconds=20)

    assert (completed.status, completed.ok) == (3, False)
    assert completed.stdout == "one\ttwo\n\udcff\n"
    assert completed.stderr == "warning: ä\n"


async def test_words_arrive_as_they_are(ssh_host):
    """Spaces, quotes, `$()` and unicode in names arrive as single words, on the host and in a real shell."""
    await ssh_host.connection().run(["printf", "%s\\n", *NASTY], timeout_seconds=20)

    assert ssh_host.commands == [["printf", "%s\\n", *NASTY]]
    shell = await run(["sh", "-c", ssh_host.lines[0]], timeout_seconds=20)
    assert shell.stdout == "".join(f"{word}\n" for word in NASTY)


async def test_error_texts_are_asked_for_in_english(ssh_host):
    """Every command runs with LC_ALL=C: its error texts are classified."""
    connection = ssh_host.connection()
    await connection.run(["zfs", "list"], timeout_seconds=20)
    await stream(connection)

    assert all(line.startswith("env LC_ALL=C zfs ") for line in ssh_host.lines)


async def test_command_takes_too_long(ssh_host):
    """A command that outlives its time is a transient error that names it, and its channel is closed."""
    ssh_host.script = silent()

    with pytest.raises(TransientError) as caught:
        await ssh_host.connection().run(["zfs", "list", "tank"], timeout_seconds=0.3)

    assert (caught.value.reason, caught.value.host) == ("timeout", "gw")
    assert "zfs list tank" in caught.value.message
    await until(lambda: not ssh_host.running)


async def test_output_over_the_bound(ssh_host):
    """More output than allowed is refused at once, though the command would go on, and nothing of it is kept."""
    ssh_host.script = streams(64 * MIB)
    connection = ssh_host.connection()

    with pytest.raises(PermanentError) as caught:
        await connection.run(["zfs", "list"], timeout_seconds=20, max_output_bytes=MIB)

    assert caught.value.reason == "too_much"
    await until(lambda: not ssh_host.running)
    ssh_host.script = prints("well\n")
    assert (await connection.run(["true"], timeout_seconds=20)).stdout == "well\n"


async def test_flood_on_standard_error(ssh_host):
    """64 MiB on standard error leave its beginning and its end, in bounded memory."""

    async def flood(words, process):
        process.stderr.write(b"first\n")
        for _ in range(256):
            process.stderr.write(b"x" * (MIB // 4))
            await process.stderr.drain()
        process.stderr.write(b"\nlast")
        process.exit(1)

    ssh_host.script = flood
    longest = 0

    def heard(text):
        nonlocal longest
        longest = max(longest, len(text))

    ended = await stream(ssh_host.connection(), heard=heard)

    assert ended.status == 1
    assert ended.stderr.startswith("first\n")
    assert ended.stderr.endswith("\nlast")
    assert "bytes left out" in ended.stderr
    assert max(longest, len(ended.stderr)) < 64 << 10


async def test_death_by_signal(ssh_host):
    """A command that was killed has the signal as its negative status."""

    async def script(words, process):
        process.exit_with_signal("KILL")

    ssh_host.script = script
    connection = ssh_host.connection()

    assert (await stream(connection)).status == -9
    assert (await connection.run(["zfs"], timeout_seconds=20)).status == -9


async def test_no_status_is_failure(ssh_host):
    """A channel that closes without an exit status is no success: not for a stream, not for a command."""

    async def script(words, process):
        process.stdout.write(b"half a listing\n")
        process.close()

    ssh_host.script = script
    connection = ssh_host.connection()

    ended = await stream(connection)
    assert (ended.status, ended.ok) == (None, False)
    with pytest.raises(TransientError) as caught:
        await connection.run(["zfs", "list"], timeout_seconds=20)
    assert caught.value.reason == "connection_lost"


async def test_connection_lost_under_a_command(ssh_host):
    """A command whose connection is lost is a transient error with the host's name."""
    ssh_host.script = silent()
    running = asyncio.create_task(ssh_host.connection().run(["zfs", "list"], timeout_seconds=20))
    await until(lambda: ssh_host.running)

    ssh_host.crash()

    with pytest.raises(TransientError) as caught:
        await running
    assert (caught.value.reason, caught.value.host) == ("connection_lost", "gw")


async def test_connection_closed_under_a_stream(ssh_host):
    """Our own closing of the connection ends its streams: without a status, which is failure."""
    ssh_host.script = silent(after_bytes=1000)
    connection, sink = ssh_host.connection(), Nowhere()
    running = asyncio.create_task(stream(connection, sink=sink))
    await until(lambda: sink.size)

    await connection.aclose()

    assert await running == Ended(None, "")


async def test_commands_share_one_connection(ssh_host):
    """Many commands at once use one connection and never more than its channels allow."""

    async def script(words, process):
        await asyncio.sleep(0.02)
        process.exit(0)

    ssh_host.script = script
    connection = ssh_host.connection()

    await asyncio.gather(*(connection.run(["zfs"], timeout_seconds=30) for _ in range(40)))

    assert len(ssh_host.commands) == 40
    assert len(ssh_host.connections) == 1
    assert ssh_host.most_running <= 8


async def test_streams_leave_room_for_commands(ssh_host):
    """However many streams a host is asked for, a listing does not wait for one of them to end."""

    async def script(words, process):
        await (silent(after_bytes=10) if words[1] == "send" else prints("listing\n"))(words, process)

    ssh_host.script = script
    connection = ssh_host.connection()
    running = [asyncio.create_task(stream(connection)) for _ in range(12)]
    await until(lambda: ssh_host.running >= 6)

    completed = await connection.run(["zfs", "list"], timeout_seconds=5)

    assert completed.stdout == "listing\n"
    assert ssh_host.most_running == 7
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await until(lambda: not ssh_host.running)


async def test_as_many_streams_as_may_be_configured(ssh_host):
    """As many streams as a host's `streams` may say flow at once: none of them waits with a receive of its own."""
    ssh_host.script = silent(after_bytes=10)
    connection, sinks = ssh_host.connection(), [Nowhere() for _ in range(MOST_STREAMS)]

    running = [asyncio.create_task(stream(connection, sink=sink)) for sink in sinks]

    await until(lambda: all(sink.size for sink in sinks))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_cancelled_stream_ends_the_sender(ssh_host):
    """A stream that is cancelled closes its channel at once, and the connection serves the next command."""
    ssh_host.script = streams(1 << 40)
    connection = ssh_host.connection()
    running = asyncio.create_task(stream(connection))
    await until(lambda: ssh_host.running)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not ssh_host.running)
    ssh_host.script = prints("well\n")
    assert (await connection.run(["true"], timeout_seconds=20)).stdout == "well\n"
    assert len(ssh_host.connections) == 1


async def test_host_that_stops_answering(ssh_host, proxy):
    """A host that no longer answers is given up after the connect timeout, and its connection can be closed."""
    known = ssh_host.directory / "proxy_known_hosts"
    known.write_text(ssh_host.known_hosts.read_text().replace(str(ssh_host.port), str(proxy.port)))
    connection = ssh_host.connection(port=proxy.port, known_hosts=known, connect_timeout_seconds=0.5)
    await connection.run(["true"], timeout_seconds=20)
    proxy.swallow()

    with pytest.raises(TransientError) as caught:
        await connection.run(["true"], timeout_seconds=20)
    await connection.aclose()

    assert (caught.value.reason, caught.value.host) == ("timeout", "gw")


async def test_cancelled_while_the_command_starts(ssh_host):
    """Cancelled at any moment of its start, a command does not run on unheard on the host."""
    ssh_host.script = silent(after_bytes=10)
    connection = ssh_host.connection()
    await asyncio.wait({opening := asyncio.create_task(connection._connect())})
    assert opening.done()

    for turns in range(12):
        running = asyncio.create_task(stream(connection))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    ssh_host.script = prints("well\n")
    assert (await connection.run(["true"], timeout_seconds=20)).stdout == "well\n"
    await until(lambda: not ssh_host.running)


async def test_nothing_is_said_of_a_start_that_was_cancelled_and_then_failed(ssh_host, proxy):
    """A stop while a command starts leaves no complaint in the log of an error that nobody waited for."""
    known = ssh_host.directory / "proxy_known_hosts"
    known.write_text(ssh_host.known_hosts.read_text().replace(str(ssh_host.port), str(proxy.port)))
    connection = ssh_host.connection(port=proxy.port, known_hosts=known)
    await connection._connect()
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    proxy.swallow()
    running = asyncio.create_task(stream(connection))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await connection.aclose()
    await asyncio.sleep(0.05)
    gc.collect()

    assert complaints == []
