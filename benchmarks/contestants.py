"""Who takes part in the lab's cases: zfspull in two ways, and the peers; each keeps a replica of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.guest import ADDRESS, PEERS_DIRECTORY, SOURCE, TARGET, timed
from tests.lab.machine import Machine


log = logging.getLogger("benchmarks")


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to bring a replica up to date.

    Attributes:
        name: as tables show it.
        replica: name of the replica, below the target pool.
        update: brings it up to date in the machine; returns the seconds that it took.
        prepare: a command that is not timed.
    """

    name: str
    replica: str
    update: Callable[[Machine], float]
    prepare: str = "true"

    def run(self, machine: Machine) -> float:
        """Seconds that it took."""
        machine.run(self.prepare, timeout_seconds=120)
        seconds = self.update(machine)
        log.info("%s: %.1f s", self.name, seconds)
        return seconds


def _by_daemon(machine: Machine) -> float:
    """Seconds from a run's start to its end as the daemon tells them: the start of a client is no part of it."""
    machine.run("zfspull pull data", timeout_seconds=3600)
    run = json.loads(machine.run("zfspull status --json", timeout_seconds=120).stdout)["jobs"]["data"]["last_run"]
    return float(run["duration_seconds"])


def _by(command: str) -> Callable[[Machine], float]:
    return lambda machine: timed(machine, command)


def _python(module: str, arguments: str) -> str:
    return f"PYTHONPATH={PEERS_DIRECTORY} python3 -m {module} {arguments}"


_BZFS = _python("bzfs_main.bzfs", f"{ADDRESS}:{SOURCE} {TARGET}/bzfs --recursive --quiet")

CONNECTED = Contestant("zfspull, connected", "zfspull", _by_daemon, prepare="systemctl start zfspull")
IDLE = replace(CONNECTED, prepare="systemctl start zfspull && zfspull pull data")
"""The same with nothing left to do: a run before the measured one has connected it, also after a start."""
COLD = Contestant("zfspull pull, cold", "zfspull", _by("zfspull pull data"), prepare="systemctl stop zfspull")
SYNCOID = Contestant(
    "syncoid",
    "syncoid",
    _by(
        "syncoid --recursive --no-sync-snap --no-privilege-elevation --sendoptions=w --recvoptions=u --quiet "
        f"{ADDRESS}:{SOURCE} {TARGET}/syncoid"
    ),
)
BZFS = Contestant("bzfs", "bzfs", _by(_BZFS))
BZFS_CACHED = Contestant("bzfs with its cache", "bzfs", _by(f"{_BZFS} --cache-snapshots"))
BZFS_LOGGING_IN = replace(BZFS_CACHED, name="bzfs with its cache, logging in", prepare="pkill -x ssh; true")
"""It leaves a connection open for its next run, and so does not start cold by itself."""
