"""Where keys are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from zfspull.hosts.ends import default_key, key_file


@pytest.fixture
def handed_over(tmp_path, monkeypatch):
    """Directories as systemd names them: that of the configuration first, and one of credentials."""
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", f"{tmp_path}/etc:{tmp_path}/other")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", f"{tmp_path}/run")
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_a_key_that_was_handed_over_is_read_there(handed_over, tmp_path):
    """Of a key in the directory of keys the credential is read, if there is one."""
    assert default_key() == tmp_path / "etc/keys/id_ed25519"
    assert key_file(default_key()) == default_key()
    (handed_over / "keys_id_ed25519").touch()
    assert key_file(default_key()) == handed_over / "keys_id_ed25519"
    assert key_file(tmp_path / "etc/keys/other") == tmp_path / "etc/keys/other"


def test_a_key_elsewhere_is_its_own_file(handed_over):
    """A key of the same name in another directory is not mistaken for the one that was handed over."""
    (handed_over / "keys_id_ed25519").touch()
    assert key_file(Path("/srv/id_ed25519")) == Path("/srv/id_ed25519")


def test_without_systemd_keys_are_files(monkeypatch, tmp_path):
    """By hand nothing is handed over, and a file in the working directory is no credential."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("CONFIGURATION_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys_id_ed25519").touch()
    assert key_file(default_key()) == Path("/etc/zfspull/keys/id_ed25519")
