"""Whose the files in the state directory are."""

from __future__ import annotations

import os

import pytest
from structlog.testing import capture_logs

from zfspull.daemon.history import History
from zfspull.daemon.lock import job_lock
from zfspull.daemon.owner import make_file
from zfspull.events import PoolObserved


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_history_is_the_daemons_whoever_opens_it(tmp_path, clock):
    """The history, its log and its index belong to the daemon's user when a pull by root made them, and when it wrote to them."""
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    for _ in ("made", "opened again"):
        history = History(tmp_path / "history.sqlite", clock)
        history.emit(PoolObserved(at=1.0, pool="vault", used_bytes=1, available_bytes=1, full_at=None))
        assert history.past_of_pool("vault") is not None
        made = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
        history.close()

        assert made == dict.fromkeys(
            ("history.sqlite", "history.sqlite-wal", "history.sqlite-shm"), (SOMEBODY, SOMEBODY)
        )
        assert (tmp_path / "history.sqlite").stat().st_mode & 0o777 & ~0o640 == 0


@pytest.mark.parametrize("there", [True, False])
def test_no_history_is_opened_through_a_link(tmp_path, clock, there):
    """What a link in the state directory points to is neither made nor written nor moved, and it is said why nothing is recorded."""
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "history.sqlite"
    if there:
        elsewhere.touch()
    link.symlink_to(elsewhere)

    with capture_logs():
        history = History(link, clock)
    history.close()

    assert "is a link" in history.trouble
    assert link.is_symlink()
    assert not there or elsewhere.read_bytes() == b""
    assert elsewhere.exists() is there


def test_a_link_put_there_at_the_last_moment_is_not_followed(tmp_path, clock, monkeypatch):
    """A daemon taken over can't have root write elsewhere by swapping the history for a link while it is being opened."""
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "history.sqlite"
    elsewhere.touch()
    link.symlink_to(elsewhere)
    monkeypatch.setattr(type(link), "is_symlink", lambda _: False)

    with capture_logs():
        history = History(link, clock)
    history.close()

    assert "is a link" in history.trouble
    assert elsewhere.read_bytes() == b""
