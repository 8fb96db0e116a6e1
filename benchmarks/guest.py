"""Machines of the lab where zfspull and its peers pull: one from itself over loopback SSH, or one from the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.emulator import emulator
from tests.lab.host import run_host
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.site import CONFIG, KEY, Site


PEERS = Path(__file__).with_name("peers.txt")
PEERS_DIRECTORY = "/opt/peers"
SOURCE, TARGET = "tank/data", "vault"
ADDRESS = "root@10.77.0.1"
JOB = f"""\
source: gw:{SOURCE}
target: {TARGET}/zfspull
recursive: true
schedule: manual
"""
MAIN = """\
hosts:
  gw: {address: 10.77.0.1, streams: 6}
limits: {streams: 6}
"""


@contextmanager
def one_machine(directory: Path) -> Iterator[Site]:
    """A machine that pulls from itself, with the pools `tank` and `vault`, zfspull, and the peers."""
    with Lab() as lab:
        machine = lab.machine("bench", cpus=2 if emulator().is_current else None)
        lab.boot()
        yield _equipped(Site(machine, machine), directory)


@contextmanager
def two_machines(directory: Path) -> Iterator[Site]:
    """A machine with `tank`, and one with `vault`, zfspull and the peers."""
    with Lab() as lab:
        source, backup = lab.machine("source"), lab.machine("backup")
        lab.boot()
        yield _equipped(Site(source, backup), directory)


def timed(machine: Machine, command: str, *, timeout_seconds: float = 3600.0) -> float:
    """Seconds that a command takes in the machine, by its own clock.

    Raises:
        CommandError: if it fails.
    """
    said = machine.run(
        f"exec 3>&1 >/tmp/said 2>&1; from=$(date +%s%N); {command}\n"
        "status=$?; to=$(date +%s%N); [ $status -eq 0 ] || { tail -20 /tmp/said >&3; exit $status; }\n"
        "echo $(( (to - from) / 1000000 )) >&3",
        timeout_seconds=timeout_seconds,
    ).stdout
    return int(said) / 1000


def _equipped(site: Site, directory: Path) -> Site:
    """The site with pools, a job, and what `peers.txt` names; Debian's sanoid is in the lab's image."""
    backup = site.backup
    site.source.run(f"zpool create tank {site.source.disks[0]}")
    backup.run(f"zpool create {TARGET} {backup.disks[1]}")
    site.install()
    site.grant(TARGET)
    site.configure(MAIN, {"data": JOB})
    backup.run(f"install -m 600 {KEY} /root/.ssh/id_ed25519; cp {CONFIG}/known_hosts /root/.ssh/")
    run_host(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--target", str(directory / "peers"), "--requirement", str(PEERS)],
    )  # fmt: skip
    backup.put(directory / "peers", PEERS_DIRECTORY)
    return site
