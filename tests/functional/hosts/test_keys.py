"""Keys and host keys: made once, fetched from a real server, looked up with their lines."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat

import asyncssh
import pytest

from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.administrator import Administrator
from zfspull.hosts.keys import (
    KnownKey,
    add_known_host,
    fetch_host_key,
    known_hosts_line,
    known_keys,
    make_key,
    public_line,
)


def public(key):
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def test_a_key_is_made_once(tmp_path):
    """The private half is only its owner's, the public half fits, and an existing key is never touched."""
    path = tmp_path / "gw"

    assert make_key(path, "zfspull") is True
    before = path.read_bytes()
    assert make_key(path, "zfspull") is False

    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_name("gw.pub").read_text().strip() == public_line(path)
    assert public_line(path).endswith(" zfspull")


def test_the_public_half_is_enough(tmp_path):
    """Where the private half can't be read, the public half beside it tells the same; without both it is an error."""
    path = tmp_path / "key"
    make_key(path, "zfspull")
    expected = public_line(path)
    path.write_text("not for you")
    assert public_line(path) == expected

    path.with_name("key.pub").unlink()
    with pytest.raises(PermanentError, match="can't be used"):
        public_line(path)


async def test_the_host_key_is_fetched(ssh_host):
    """What the host shows, written to known_hosts, is what a connection accepts."""
    key = await fetch_host_key("127.0.0.1", ssh_host.port, timeout_seconds=20)
    assert key.algorithm == "ed25519"
    line = known_hosts_line("127.0.0.1", ssh_host.port, key)
    assert line == ssh_host.known_hosts.read_text().strip()

    ssh_host.known_hosts.write_text("")
    add_known_host(ssh_host.known_hosts, line)
    assert (await ssh_host.connection().run(["true"], timeout_seconds=20)).ok


async def test_a_host_that_is_not_there(unused_tcp_port):
    """A host without sshd is an error that says so."""
    with pytest.raises(TransientError, match="cannot fetch the host key"):
        await fetch_host_key("127.0.0.1", unused_tcp_port, timeout_seconds=20)


async def test_a_host_without_the_known_kind_of_key(ssh_host):
    """A host of which another kind of key is known is asked for that kind, and for no other in its place."""
    known = [KnownKey(1, "ssh-rsa", "SHA256:x")]

    with pytest.raises(TransientError, match="no key of a known kind"):
        await fetch_host_key("127.0.0.1", ssh_host.port, timeout_seconds=20, known=known)


def test_known_keys_have_their_lines(tmp_path):
    """Plain, bracketed and hashed entries are found with their line; comments, garbage and other hosts are not."""
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(4)]
    salt = b"x" * 20
    hashed = base64.b64encode(hmac.new(salt, b"10.0.0.1", hashlib.sha1).digest()).decode()
    path = tmp_path / "known_hosts"
    path.write_text(
        f"# comment\n"
        f"10.0.0.1,gw {public(keys[0])}\n"
        f"10.0.0.1 gibberish\n"
        f"[10.0.0.1]:2222 {public(keys[1])}\n"
        f"|1|{base64.b64encode(salt).decode()}|{hashed} {public(keys[2])}\n"
        f"10.0.0.2 {public(keys[3])}\n"
    )

    def found(address, port):
        return [(one.line, one.fingerprint) for one in known_keys(path, address, port)]

    assert found("10.0.0.1", 22) == [(2, keys[0].get_fingerprint()), (5, keys[2].get_fingerprint())]
    assert (4, keys[1].get_fingerprint()) in found("10.0.0.1", 2222)
    assert found("10.0.0.3", 22) == []
    assert known_keys(tmp_path / "gone", "10.0.0.1", 22) == []


def test_a_line_is_added_to_what_is_there(tmp_path):
    """A file without a line end at its end does not swallow the new line."""
    path = tmp_path / "known_hosts"
    path.write_text("# mine")
    add_known_host(path, "gw key")

    assert path.read_text() == "# mine\ngw key\n"


async def test_scripts_are_run_as_the_administrator(tmp_path):
    """A script gets its input whole and answers with what it said; a failure is an error with the script's words."""
    here = Administrator()
    script = "cat >/dev/null <<'x'\n" + "y" * 200_000 + "\nx\necho done; id -u\n"

    assert (await here.run("sh -s", script.encode())).split() == ["done", str(os.geteuid())]
    with pytest.raises(PermanentError, match="no such luck"):
        await here.run("sh -s", b"set -e\necho no such luck >&2\nfalse\necho never\n")


def test_the_way_to_an_administrator(tmp_path):
    """Only the confirmed host key counts, no password is asked for where nobody is, and who is not root becomes it."""
    root = Administrator.at("root@gw", 2222, tmp_path / "a b", interactive=False).argv("sh -s")
    assert root[-3:] == ["--", "root@gw", "sh -s"]
    assert f'UserKnownHostsFile="{tmp_path}/a b"' in root
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes"} <= set(root)

    other = Administrator.at("admin@gw", 22, tmp_path, interactive=True).argv("sh -s")
    assert other[-1] == "sudo -n sh -c 'sh -s'"
    assert "BatchMode=yes" not in other
