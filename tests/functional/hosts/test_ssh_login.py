"""Logging in to a host: every way to fail has its class, reason and hint."""

from __future__ import annotations

import asyncio
import sys

import asyncssh
import pytest

from tests.functional.hosts.proxy import Proxy
from tests.functional.hosts.sshhost import FakeHost, prints
from tests.functional.hosts.waiting import until
from zfspull.errors import PermanentError, TransientError


async def attempt(connection):
    return await connection.run(["true"], timeout_seconds=20)


def other_key(directory, name="other"):
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(directory / name)
    return directory / name, key


async def test_login_refused(ssh_host, tmp_path):
    """A key that the host doesn't know is a permanent error that says which key to authorize."""
    key, _ = other_key(tmp_path)

    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(key=key))

    assert (caught.value.reason, caught.value.host) == ("authentication", "gw")
    assert "puller@127.0.0.1" in caught.value.message
    assert str(key) in caught.value.hint
    assert "authorized_keys" in caught.value.hint


async def test_wrong_host_key(ssh_host, tmp_path):
    """A host that shows another key than the known one is a permanent error, and gets no command."""
    _, key = other_key(tmp_path)
    known = tmp_path / "wrong_known_hosts"
    known.write_text(f"[127.0.0.1]:{ssh_host.port} {key.export_public_key().decode()}")

    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(known_hosts=known))

    assert caught.value.reason == "host_key"
    assert str(known) in caught.value.message
    assert "fingerprint" in caught.value.hint
    assert ssh_host.commands == []


async def test_unknown_host_key(ssh_host, tmp_path):
    """A host that known_hosts says nothing about is refused: nothing is trusted on first use."""
    known = tmp_path / "empty_known_hosts"
    known.write_text("# nobody\n")

    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(known_hosts=known))

    assert caught.value.reason == "host_key"


@pytest.mark.parametrize("what", ["key", "known_hosts"])
async def test_missing_file(ssh_host, tmp_path, what):
    """A key or known_hosts file that isn't there is a permanent error that names the file and the setting."""
    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(**{what: tmp_path / "gone"}))

    assert (caught.value.reason, caught.value.host) == ("login", "gw")
    assert str(tmp_path / "gone") in caught.value.message
    assert what in caught.value.hint


@pytest.mark.parametrize("what", ["key", "known_hosts"])
async def test_file_with_garbage(ssh_host, tmp_path, what):
    """A key or known_hosts file that holds something else is a permanent error."""
    (tmp_path / "garbage").write_text("gw gibberish\n-----BEGIN NOTHING-----\n")

    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(**{what: tmp_path / "garbage"}))

    assert caught.value.reason in {"login", "host_key"}


async def test_key_with_a_passphrase(ssh_host, tmp_path):
    """A key that needs a passphrase is a permanent error: nobody is there to be asked for one."""
    key = asyncssh.generate_private_key("ssh-rsa")
    key.write_private_key(tmp_path / "locked", "pkcs8-pem", passphrase="secret")  # noqa: S106 - of a key that is used nowhere

    with pytest.raises(PermanentError) as caught:
        await attempt(ssh_host.connection(key=tmp_path / "locked"))

    assert caught.value.reason == "login"
    assert "assphrase" in caught.value.message


async def test_connection_refused(ssh_host, unused_tcp_port_factory):
    """A port where nobody listens is a transient error that says address and port."""
    port = unused_tcp_port_factory()

    with pytest.raises(TransientError) as caught:
        await attempt(ssh_host.connection(port=port))

    assert (caught.value.reason, caught.value.host) == ("unreachable", "gw")
    assert f"127.0.0.1 port {port}" in caught.value.message
    assert caught.value.hint


async def test_name_that_does_not_resolve(ssh_host):
    """A name that no resolver knows is a transient error: the resolver may be down."""
    with pytest.raises(TransientError) as caught:
        await attempt(ssh_host.connection(address="nowhere.invalid"))

    assert caught.value.reason == "unreachable"


async def test_host_that_never_answers(ssh_host):
    """A host that takes the connection and says nothing is given up after the connect timeout."""
    way = Proxy(ssh_host.port)
    await way.start()
    way.swallow()
    try:
        with pytest.raises(TransientError) as caught:
            await attempt(ssh_host.connection(port=way.port, connect_timeout_seconds=0.3))
    finally:
        await way.stop()

    assert caught.value.reason == "timeout"


async def test_something_else_than_ssh(ssh_host):
    """A port where no SSH is spoken is a transient error, not a crash."""

    async def greet(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TransientError) as caught:
            await attempt(ssh_host.connection(port=server.sockets[0].getsockname()[1]))

    assert caught.value.reason in {"connection_lost", "unreachable"}


_opened: list[str] = []
_watching = False


def _on_audit(event, arguments):
    if _watching and event in {"open", "os.listdir", "os.scandir"}:
        _opened.append(str(arguments[0]))


async def test_home_is_never_consulted(ssh_host, tmp_path, monkeypatch):
    """The keys, known hosts and settings of whoever runs the daemon play no part: not even good ones."""
    global _watching  # noqa: PLW0603 - an audit hook can't be taken away again, only told to be quiet
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_bytes(ssh_host.key.read_bytes())
    (home / ".ssh" / "known_hosts").write_bytes(ssh_host.known_hosts.read_bytes())
    (home / ".ssh" / "config").write_text("Host *\n  User somebody\n  Port 1\n")
    monkeypatch.setenv("HOME", str(home))
    key, _ = other_key(tmp_path)
    sys.addaudithook(_on_audit)

    _watching = True
    try:
        await attempt(ssh_host.connection())
        with pytest.raises(PermanentError, match="refused the login"):
            await attempt(ssh_host.connection(key=key))
    finally:
        _watching = False

    assert str(ssh_host.key) in _opened, "the hook sees what is opened"
    assert [path for path in _opened if path.startswith(str(home))] == []


async def test_jump_host(ssh_host, tmp_path_factory):
    """A host behind a jump host is reached through it, and each is logged in to with its own key."""
    inner = FakeHost(tmp_path_factory.mktemp("inner"))
    await inner.start()
    inner.script = prints("inside\n")
    try:
        completed = await attempt(inner.connection(via=ssh_host.connection()))
    finally:
        await inner.stop()

    assert completed.stdout == "inside\n"
    assert ssh_host.commands == []


async def test_reconnects_after_a_loss(ssh_host):
    """A lost connection is made anew for the next command."""
    connection = ssh_host.connection()
    await attempt(connection)
    ssh_host.crash()
    await ssh_host.connections[0].wait_closed()
    await until(connection._link.connected.is_closed)

    assert (await attempt(connection)).ok
    assert len(ssh_host.connections) == 2
