"""The shortened way of data packets: the same bytes, and asyncssh's own way wherever something is not as expected."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.functional.hosts.sshhost import MIB
from zfspull.errors import TransientError
from zfspull.hosts import burst


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

    assert isinstance(connection._connected._recv_pkthdr.__self__, burst._Burst)


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
    assert hasattr(connection._connected._recv_pkthdr, "__self__")


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
    connected = connection._connected
    whole = connected.data_received
    passed = 0

    def forge(data, datatype=None):
        nonlocal passed
        passed += len(data)
        whole(data if passed < 4 * MIB else data[:-1] + bytes([data[-1] ^ 1]), datatype)

    connected.data_received = forge

    with pytest.raises(TransientError) as caught:
        await streamed(connection, "a")

    assert "MAC" in str(caught.value)
