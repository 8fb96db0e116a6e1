"""Which QEMU the machines run under."""

import platform
from pathlib import Path

import pytest

from tests.lab import emulator as lab_emulator
from tests.lab.emulator import Emulator
from tests.lab.host import LabError


OWN = ("qemu-system-x86_64",)


class Host:
    """A host with a QEMU of its own, and perhaps a newer one to be had."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        self.codename = "bookworm"
        self.own = (7, 2, 22)
        self.can_fetch = True
        self.fetched = 0
        monkeypatch.setenv("ZFSPULL_LAB_CACHE", str(cache))
        monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": self.codename})
        monkeypatch.setattr(lab_emulator, "_asked", self._asked)
        monkeypatch.setattr(lab_emulator, "_unpack", self._unpack)

    def chosen(self) -> Emulator:
        return lab_emulator.emulator.__wrapped__()

    def _asked(self, command: tuple[str, ...]) -> Emulator:
        return Emulator(command, self.own if command == OWN else (10, 0, 2))

    def _unpack(self, _suite: str, _into: Path) -> None:
        self.fetched += 1
        if not self.can_fetch:
            raise LabError("no network")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    return Host(monkeypatch, tmp_path)


def test_old_one_is_replaced_where_a_current_one_can_be_had(host: Host) -> None:
    """On Debian 12 a current QEMU is fetched, once, and started with its own firmware."""
    chosen, again = host.chosen(), host.chosen()

    assert (chosen.version, chosen.is_current, host.fetched) == ((10, 0, 2), True, 1)
    assert chosen.command[0].endswith("usr/bin/qemu-system-x86_64")
    assert "-L" in chosen.command
    assert again == chosen


@pytest.mark.parametrize(("codename", "own"), [("trixie", (10, 0, 2)), ("noble", (8, 2, 2)), ("jammy", (7, 2, 0))])
def test_other_hosts_use_their_own(host: Host, codename: str, own: tuple[int, int, int]) -> None:
    """Where the host's own is current, or nothing newer is known of, nothing is fetched."""
    host.codename, host.own = codename, own

    assert host.chosen() == Emulator(OWN, own)
    assert host.fetched == 0


def test_slow_one_will_do(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Where a current one can't be had the host's own is used, and one is told why."""
    host.can_fetch = False

    assert host.chosen() == Emulator(OWN, (7, 2, 22))
    assert "no network" in caplog.text


def test_too_old_is_an_error(host: Host) -> None:
    """A QEMU that lacks what the lab needs is no lab."""
    host.can_fetch, host.own = False, (6, 2, 0)

    with pytest.raises(LabError, match=r"QEMU 6\.2\.0 is too old"):
        host.chosen()
