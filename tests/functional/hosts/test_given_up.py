"""Commands that were given up and hang on: sshd counts their sessions until they end, which others must not pay for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from tests.functional.hosts.sshd import PROGRAM, sshd
from tests.functional.hosts.waiting import until
from zfspull.errors import TransientError
from zfspull.hosts import link
from zfspull.hosts.ssh import Connection


pytestmark = pytest.mark.skipif(PROGRAM is None, reason="OpenSSH's server is not installed")
SECONDS = 20.0
HANGS = ["sleep", "55"]
"""Like a `zfs list` of a suspended pool it neither ends nor writes when its channel is closed."""


class Heard:
    """A sink that keeps what it is given."""

    broken = False
    pending_bytes = 0

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    async def drain(self):
        pass


class Host:
    """A real sshd and a connection to it."""

    def __init__(self, login):
        self.login = login
        self.connection = Connection(login)

    @property
    def logins(self):
        """How often the host was logged in to."""
        return (self.login.key.parent / "sshd.log").read_text().count("Accepted publickey")

    async def says(self, text):
        return (await self.connection.run(["echo", text], timeout_seconds=SECONDS)).stdout.strip()

    async def give_up(self, *, times):
        for _ in range(times):
            with pytest.raises(TransientError, match="did not end"):
                await self.connection.run(HANGS, timeout_seconds=0.2)

    @asynccontextmanager
    async def streaming(self):
        """A stream under way, and the file whose being there ends it."""
        sink, end = Heard(), self.login.key.parent / f"end{id(self)}{self.logins}"
        words = ["sh", "-c", f"echo begun; while ! [ -e {end} ]; do sleep 0.05; done; echo ended"]
        running = asyncio.create_task(self.connection.stream(words, sink, limiter=None, on_stderr=str))
        await until(lambda: sink.data or running.done())
        try:
            yield running, sink, end
        finally:
            end.touch()
            with suppress(TransientError):
                await running


@asynccontextmanager
async def host_with(directory, *, max_sessions):
    async with sshd(directory, settings=f"MaxSessions {max_sessions}\n") as login:
        host = Host(login)
        try:
            yield host
        finally:
            await host.connection.aclose()


async def test_p10_others_get_a_fresh_connection(tmp_path):
    """When commands that hang have used up all sessions of a connection, the next one runs over another."""
    async with host_with(tmp_path, max_sessions=3) as host:
        await host.give_up(times=3)
        worn = host.connection._link

        assert await asyncio.gather(*(host.says(text) for text in "ab")) == ["a", "b"]
        assert host.logins == 2
        assert worn.is_closed


async def test_p10_it_recovers_as_often_as_it_takes(tmp_path):
    """However many commands hang, there is never a need to restart the daemon, nor more logins than they cost."""
    async with host_with(tmp_path, max_sessions=2) as host:
        await host.give_up(times=7)

        assert await host.says("well") == "well"
        assert host.logins <= 4


async def test_streams_of_a_left_connection_go_on(tmp_path):
    """A stream over a connection that has no room for others goes on to its end, and that of the connection."""
    async with host_with(tmp_path, max_sessions=2) as host, host.streaming() as (running, sink, end):
        await host.give_up(times=1)
        worn = host.connection._link
        assert await host.says("well") == "well"
        assert not worn.is_closed

        end.touch()

        assert (await running).ok
        assert sink.data == b"begun\nended\n"
        await until(lambda: worn.is_closed)
        assert await host.says("still") == "still"
        assert host.logins == 2


async def test_a_host_with_few_sessions_is_logged_in_to_once(tmp_path):
    """Where nothing was given up a fresh connection has no more room: who finds none is told so, without a login."""
    async with host_with(tmp_path, max_sessions=1) as host, host.streaming():
        for _ in range(5):
            with pytest.raises(TransientError) as caught:
                await host.says("?")

        assert caught.value.host == "gw"
        assert "MaxSessions" in caught.value.hint
        assert host.logins == 1


async def test_no_more_connections_than_so_many(tmp_path, monkeypatch):
    """Connections that are left to their streams are bounded: then who finds no room is told so, until one ends."""
    monkeypatch.setattr(link, "MOST_LEFT", 1)
    async with host_with(tmp_path, max_sessions=2) as host, host.streaming() as (first, _, end):
        await host.give_up(times=1)
        async with host.streaming():
            await host.give_up(times=1)
            with pytest.raises(TransientError, match="session"):
                await host.says("?")
            assert host.logins == 2

            end.touch()
            await first

            assert await host.says("well") == "well"


async def test_a_left_connection_still_leads_to_other_hosts(tmp_path):
    """A jump host whose connection is left keeps those that lead over it."""
    async with host_with(tmp_path, max_sessions=2) as host:
        inner = Host(host.login)
        inner.connection = Connection(host.login, via=host.connection)
        try:
            assert await inner.says("inside") == "inside"
            over = host.connection._link
            await host.give_up(times=2)
            assert await host.says("well") == "well"

            assert await inner.says("still inside") == "still inside"
            assert not over.is_closed
            assert host.logins == 3
        finally:
            await inner.connection.aclose()
        assert await host.says("well") == "well"
        await until(lambda: over.is_closed)


async def test_closing_ends_what_was_left(tmp_path):
    """Whoever closes the connection ends the streams of those that were left, too."""
    async with host_with(tmp_path, max_sessions=2) as host, host.streaming() as (running, _, _end):
        await host.give_up(times=1)
        assert await host.says("well") == "well"

        await host.connection.aclose()

        assert not (await running).ok
