"""The shipped systemd unit and the daemon agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from zfspull.cli.exit_codes import ExitCode
from zfspull.daemon.generation import CLOSE_SECONDS
from zfspull.daemon.parts import DRAIN_SECONDS
from zfspull.daemon.paths import Paths
from zfspull.hosts.ends import KEYS, default_key


UNIT = Path(__file__).parents[3] / "systemd" / "zfspull.service"


@pytest.fixture
def directives():
    lines = UNIT.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_unit_gives_the_daemon_what_it_relies_on(directives):
    """Protocol, directories, exit status and time limits of the unit are those that the code knows."""
    assert directives["Type"] == "notify"
    assert directives["ExecStart"] == "zfspull daemon"
    assert int(directives["RestartPreventExitStatus"]) == ExitCode.CONFIG
    assert int(directives["TimeoutStopSec"]) >= DRAIN_SECONDS + CLOSE_SECONDS
    usual = Paths()
    for directive, parent, path in (
        ("StateDirectory", "/var/lib", usual.state),
        ("RuntimeDirectory", "/run", usual.runtime),
        ("ConfigurationDirectory", "/etc", usual.configuration),
    ):
        assert Path(parent, directives[directive]) == path


def test_it_is_bounded(directives):
    """Whatever the daemon does, memory and processes are left for others."""
    assert directives["MemoryMax"] == "2G"
    assert int(directives["TasksMax"]) <= 1000


def test_the_keys_are_those_beside_the_configuration(directives, monkeypatch):
    """What the unit hands over is the directory that the daemon takes its keys from, under the name that it looks for."""
    monkeypatch.delenv("CONFIGURATION_DIRECTORY", raising=False)
    assert directives["LoadCredential"] == f"{KEYS}:{default_key().parent}"


def test_every_directive_has_its_reason():
    """Conventions: each paragraph of directives in [Service] is opened by a comment that says why."""
    service = UNIT.read_text().split("[Service]\n")[1].split("[Install]")[0]
    for paragraph in service.strip().split("\n\n"):
        assert paragraph.startswith("#"), paragraph
