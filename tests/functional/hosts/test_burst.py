"""The shortened way of data packets: the same bytes, and asyncssh's own way wherever something is not as expected."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from tests.functional.hosts.proxy import Proxy
from tests.functional.hosts.sshd import PROGRAM, sshd
from tests.functional.hosts.sshhost import MIB
from zfspull.errors import TransientError
from zfspull.hosts import burst
from zfspull.hosts.ssh import Connection


class Kept:
    """A sink that keeps what it is given."""

    broken = False
    pending_bytes = 0

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    async def drain(self):
        pass


def says(pieces, *, also_stderr=False):
    async def script(words, process):
        for piece in pieces[words[-1]]:
            process.stdout.write(piece)
            if also_stderr:
                process.stderr.write(b"e")
            await process.stdout.drain()
        process.exit(0)

    return script


def pieces(seed):
    chance = random.Random(seed)
    return [chance.randbytes(chance.choice([1, 17, 1000, 32768, 100_000, MIB])) for _ in range(20)]


async def streamed(connection, name, on_stderr=lambda _: None):
    sink = Kept()
    ended = await connection.stream(["send", name], sink, limiter=None, on_stderr=on_stderr)
    assert ended.ok
    return sink.data


async def test_it_is_in_force(ssh_host):
    """With the asyncssh of the lock file the way is shortened; should this fail, asyncssh's inside has changed."""
    connection = ssh_host.connection()
    await connection.run(["true"], timeout_seconds=20)

    in_front = connection._link.connected._transport.get_protocol()
    assert isinstance(in_front, burst._Burst)
    assert connection._link.connected._recv_pkthdr.__self__ is in_front


@pytest.mark.parametrize("shortened", [True, False])
async def test_every_byte_arrives_in_order(ssh_host, monkeypatch, shortened):
    """Streams at once over one connection, in packets of all sizes and with words between, arrive as they were sent."""
    if not shortened:
        monkeypatch.setattr(burst, "_PRIVATE", ("_not_there",))
    sent = {name: pieces(name) for name in "abc"}
    ssh_host.script = says(sent, also_stderr=True)
    connection = ssh_host.connection()

    arrived = await asyncio.gather(*(streamed(connection, name) for name in sent))

    assert arrived == [b"".join(parts) for parts in sent.values()]
    assert hasattr(connection._link.connected._recv_pkthdr, "__self__")


@pytest.mark.parametrize("most", [40, 3000, 70_000])
async def test_the_cuts_on_the_way_change_nothing(ssh_host, monkeypatch, most):
    """In however small pieces packets arrive, and wherever they are cut, the streams are the same."""
    chance = random.Random(most)
    whole = burst._Burst.get_buffer
    monkeypatch.setattr(
        burst._Burst, "get_buffer", lambda self, sizehint: whole(self, sizehint)[: chance.randint(1, most)]
    )
    sent = {name: [piece[: 100 * most] for piece in pieces(name)] for name in "ab"}
    ssh_host.script = says(sent, also_stderr=True)
    connection = ssh_host.connection()

    arrived = await asyncio.gather(*(streamed(connection, name) for name in sent))

    assert arrived == [b"".join(parts) for parts in sent.values()]


async def test_over_a_jump_host(ssh_host):
    """Where there is no socket but a channel of another connection, the bytes are the same too."""
    sent = {"a": pieces(2)}
    ssh_host.script = says(sent)
    connection = ssh_host.connection(via=ssh_host.connection())

    assert await streamed(connection, "a") == b"".join(sent["a"])


async def test_keys_may_be_exchanged_meanwhile(ssh_host):
    """A new exchange of keys in the middle of a stream changes nothing of what arrives."""
    sent = {"a": pieces(1)}

    async def script(words, process):
        for number, piece in enumerate(sent["a"]):
            process.stdout.write(piece)
            await process.stdout.drain()
            if number == 9:
                ssh_host.connections[-1]._send_kexinit()
                ssh_host.connections[-1]._kexinit_sent = True
                await asyncio.sleep(0.1)
        process.exit(0)

    ssh_host.script = script

    assert await streamed(ssh_host.connection(), "a") == b"".join(sent["a"])


async def test_a_forged_packet_ends_the_connection(ssh_host):
    """What was changed on the way is not taken: the connection ends, and says that its bytes are not authentic."""
    ssh_host.script = says({"a": [b"z" * MIB] * 64})
    connection = ssh_host.connection()
    await connection.run(["true", "a"], timeout_seconds=20)
    in_front = connection._link.connected._transport.get_protocol()
    whole = in_front.buffer_updated
    passed = 0

    def forge(nbytes):
        nonlocal passed
        passed += nbytes
        if passed >= 4 * MIB:
            in_front._view[in_front._end + nbytes - 1] ^= 1
        whole(nbytes)

    in_front.buffer_updated = forge

    with pytest.raises(TransientError) as caught:
        await streamed(connection, "a")

    assert "MAC" in str(caught.value)


@pytest.fixture
async def narrow_sshd(tmp_path):
    """A login to a real sshd, over a way that carries a MiB a second."""
    async with sshd(tmp_path) as login:
        way = Proxy(login.port)
        await way.start()
        way.narrow(MIB)
        known = tmp_path / "known_hosts_of_the_way"
        known.write_text(login.known_hosts.read_text().replace(str(login.port), str(way.port)))
        yield replace(login, port=way.port, known_hosts=known)
        await way.stop()


@pytest.mark.skipif(PROGRAM is None, reason="OpenSSH's server is not installed")
async def test_what_arrives_is_a_sign_of_life(narrow_sshd):
    """A slow way that carries data all the time is not given up because the answer to a keepalive waits behind it."""
    connection = Connection(replace(narrow_sshd, keepalive_interval_seconds=0.5))
    sink = Kept()
    try:
        ended = await connection.stream(["head", "-c", str(5 * MIB), "/dev/zero"], sink, limiter=None, on_stderr=print)
    finally:
        await connection.aclose()

    assert (ended.status, len(sink.data)) == (0, 5 * MIB)
