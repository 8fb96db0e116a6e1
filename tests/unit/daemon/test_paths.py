"""Where files lie."""

from __future__ import annotations

from pathlib import Path

from zfspull.daemon.paths import Paths


def test_systemd_says_where_files_lie():
    """The directories are those that systemd made; of several the first."""
    paths = Paths.from_environment(
        {"CONFIGURATION_DIRECTORY": "/c", "STATE_DIRECTORY": "/s1:/s2", "RUNTIME_DIRECTORY": "/r"}
    )

    assert (paths.config_file, paths.history, paths.socket) == (
        Path("/c/zfspull.yaml"),
        Path("/s1/history.sqlite"),
        Path("/r/control.sock"),
    )


def test_without_systemd_daemon_and_command_line_agree():
    """A foreground command finds the locks and the socket of a daemon that systemd started by the shipped unit."""
    paths = Paths.from_environment({})

    assert (paths.locks, paths.socket) == (Path("/var/lib/zfspull/locks"), Path("/run/zfspull/control.sock"))


def test_locks_outlive_a_stop_of_the_service():
    """Locks lie outside the runtime directory, which systemd removes at a stop, held or not."""
    paths = Paths()

    assert paths.state in paths.locks.parents
    assert paths.state in paths.daemon_lock.parents
