"""Whose the files in the state directory are."""

from __future__ import annotations

import os

import pytest

from zfspull.daemon.lock import job_lock
from zfspull.daemon.owner import make_file


SOMEBODY = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_is_the_daemons(tmp_path):
    """A lock that root made by a pull in the foreground can be opened by the daemon's user afterwards."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, SOMEBODY, SOMEBODY)

    with job_lock(state / "locks", "backup/gw/home"):
        made = [state / "locks", *(state / "locks").iterdir()]

    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(SOMEBODY, SOMEBODY)] * 2


def test_what_the_daemon_makes_needs_nothing(tmp_path):
    """Where nobody is to be given anything, directories are made as far as they are missing, with their mode."""
    with job_lock(tmp_path / "a/b/locks", "backup"):
        pass
    with job_lock(tmp_path / "a/b/locks", "backup"):
        assert (tmp_path / "a/b/locks").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "a").stat().st_uid == os.geteuid()


def test_a_file_is_made_anew_and_never_through_a_link(tmp_path):
    """What a link in the state directory points to is neither written nor given away; the link makes way for the file."""
    precious, link = tmp_path / "precious", tmp_path / "home.json.new"
    precious.write_text("precious")
    link.symlink_to(precious)

    os.close(make_file(link, mode=0o640))

    assert precious.read_text() == "precious"
    assert not link.is_symlink()
    assert link.stat().st_mode & 0o777 & ~0o640 == 0
