"""What systemd is told."""

from __future__ import annotations

import os
import secrets
import socket

import pytest

from zfspull.daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """The receiving end of a notify socket, and its name in the environment."""
    name = str(tmp_path / "n") if request.param == "path" else f"@zfspull-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        receiver.settimeout(5)
        yield receiver, name


@pytest.mark.parametrize(
    ("tell", "lines"),
    [
        (lambda notifier: notifier.ready("2 idle"), ["READY=1", "STATUS=2 idle"]),
        (lambda notifier: notifier.status("two\nlines"), ["STATUS=two lines"]),
        (lambda notifier: notifier.stopping("bye"), ["STOPPING=1", "STATUS=bye"]),
        (lambda notifier: notifier.watchdog(), ["WATCHDOG=1"]),
        (lambda notifier: notifier.extend_timeout(1.5), ["EXTEND_TIMEOUT_USEC=1500000"]),
    ],
)
def test_states_arrive_as_systemd_wants_them(systemd, tell, lines):
    """Each state is one datagram of the documented lines; a status can't smuggle in another state."""
    receiver, name = systemd
    tell(Notifier({"NOTIFY_SOCKET": name}))

    assert receiver.recv(4096).decode().split("\n") == lines


def test_a_reload_carries_the_monotonic_time(systemd):
    """The time in microseconds is there, by which systemd tells one reload from another."""
    receiver, name = systemd
    Notifier({"NOTIFY_SOCKET": name}).reloading()

    first, second = receiver.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdigit()


@pytest.mark.parametrize("name", ["", "relative", "/nonexistent/socket", "@nobody-listens-here"])
def test_without_systemd_nothing_happens(name):
    """The daemon runs the same where nobody listens, or the listener has gone."""
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("x")
    notifier.watchdog()


def test_a_full_socket_does_not_hold_the_daemon_up(tmp_path):
    """A service manager that does not read delays nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "n"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n")})
        for _ in range(2000):
            notifier.watchdog()


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(variables, seconds):
    """A time limit meant for another process, or none at all, is not fed."""
    assert Notifier({"NOTIFY_SOCKET": "@x", **variables}).watchdog_seconds == seconds
