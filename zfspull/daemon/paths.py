"""Where the daemon's files lie: under systemd where it says, else at the usual places. Nothing else knows paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The three directories of the daemon, and the files in them.

    Locks lie in the state directory and not in the runtime directory: systemd removes the latter when the service
    stops, and with it a lock that a foreground `zfspull pull` still holds.

    Attributes:
        configuration: zfspull.yaml and jobs.d.
        state: what outlives a reboot: history, books, locks.
        runtime: the control socket.
    """

    configuration: Path = Path("/etc/zfspull")
    state: Path = Path("/var/lib/zfspull")
    runtime: Path = Path("/run/zfspull")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Paths:
        """The directories that systemd names (systemd.exec(5), "RuntimeDirectory="), the usual ones without it.

        Each variable may hold several paths, separated by colons; the first counts.
        """
        usual = cls()
        return cls(
            configuration=_first(environment, "CONFIGURATION_DIRECTORY", usual.configuration),
            state=_first(environment, "STATE_DIRECTORY", usual.state),
            runtime=_first(environment, "RUNTIME_DIRECTORY", usual.runtime),
        )

    @property
    def config_file(self) -> Path:
        """The main configuration file."""
        return self.configuration / "zfspull.yaml"

    @property
    def history(self) -> Path:
        """The SQLite file of past runs."""
        return self.state / "history.sqlite"

    @property
    def books(self) -> Path:
        """The directory of the books of what sources lost, one file for each job."""
        return self.state / "missing"

    @property
    def memory(self) -> Path:
        """The directory of what runs have listed, one file for each job."""
        return self.state / "known"

    @property
    def locks(self) -> Path:
        """The directory of the locks, one for each target that is worked on."""
        return self.state / "locks"

    @property
    def daemon_lock(self) -> Path:
        """The lock that decides who is the daemon."""
        return self.state / "daemon.lock"

    @property
    def socket(self) -> Path:
        """The daemon's control socket."""
        return self.runtime / "control.sock"


def _first(environment: Mapping[str, str], name: str, usual: Path) -> Path:
    value = environment.get(name, "").split(":", 1)[0]
    return Path(value) if value else usual
