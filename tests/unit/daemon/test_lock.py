"""Locks between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from zfspull.daemon.lock import LockedError, daemon_lock, job_lock
from zfspull.errors import LocalResourceError


HOLDER = """
import sys, time, pathlib
from zfspull.daemon.lock import job_lock
with job_lock(pathlib.Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_target_is_held_once(tmp_path):
    """No target is worked on twice, and the message names who works on it."""
    with job_lock(tmp_path, "backup/gw/home"):
        with pytest.raises(LockedError) as caught, job_lock(tmp_path, "backup/gw/home"):
            pytest.fail("held twice")
        assert caught.value.pid == os.getpid()
        assert f"process {os.getpid()}" in str(caught.value)
        assert "backup/gw/home" in str(caught.value)

    with job_lock(tmp_path, "backup/gw/home"):
        pass


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/b", "a%2Fb".replace("%", "-")),
        ("p/with space", "p/with_space"),
        ("p/" + "x/" * 110 + "1", "p/" + "x/" * 110 + "2"),
    ],
)
def test_different_targets_have_different_locks(tmp_path, one, other):
    """Escaping and cutting names never makes two targets one."""
    with job_lock(tmp_path, one), job_lock(tmp_path, other):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_killed_holder_leaves_no_stale_lock(tmp_path):
    """P5: after kill -9 the lock is free at once, though its file is still there."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "backup/x"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught, job_lock(tmp_path, "backup/x"):
            pytest.fail("held twice")
        assert caught.value.pid == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()

    with job_lock(tmp_path, "backup/x"):
        pass


def test_there_is_one_daemon(tmp_path):
    """A second daemon is refused with a message that says what to do."""
    path = tmp_path / "daemon.lock"
    with daemon_lock(path), pytest.raises(LockedError, match="role of the daemon") as caught, daemon_lock(path):
        pytest.fail("two daemons")
    assert "systemctl" in caught.value.hint


def test_a_directory_that_can_not_be_made_is_an_error_in_words(tmp_path):
    """P8: where locks can't be kept, nothing runs, and the message says why."""
    (tmp_path / "file").write_text("")

    with pytest.raises(LocalResourceError, match="can't open the lock"), job_lock(tmp_path / "file" / "locks", "a/b"):
        pytest.fail("held")


def test_a_lock_is_not_opened_through_a_link(tmp_path):
    """A link in the way of a lock does not make the daemon write elsewhere."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "a%2Fb.lock").symlink_to(tmp_path / "precious")

    with pytest.raises(LocalResourceError), job_lock(tmp_path, "a/b"):
        pytest.fail("held")
    assert (tmp_path / "precious").read_text() == "precious"
