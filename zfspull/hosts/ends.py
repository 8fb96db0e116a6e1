"""The two ends of every job of a configuration: one connection per host, the local pools, and the limits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from zfspull.clock import Clock
from zfspull.config.schema import Config, Host
from zfspull.hosts.identity import machine_identity
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.login import Login
from zfspull.hosts.slots import Slots
from zfspull.hosts.source import SshSource
from zfspull.hosts.ssh import Connection
from zfspull.hosts.target import LocalTarget
from zfspull.plan.space import LowSpace


KEYS = "keys"
"""The directory of keys beside the configuration, and the name under which the unit hands it to the daemon."""

_KEY_NAME = "id_ed25519"


def default_key() -> Path:
    """The key of hosts that name none."""
    return _keys() / _KEY_NAME


def key_file(key: Path) -> Path:
    """Where a key can be read: as a credential if systemd has handed it over, else in its own file.

    systemd.exec(5), "LoadCredential=": of a directory `keys` each file comes as `keys_NAME`.
    """
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), f"{KEYS}_{key.name}")
    return handed_over if key.parent == _keys() and handed_over.is_absolute() and handed_over.exists() else key


def _keys() -> Path:
    # The variable may hold several directories; the first is that of the configuration.
    configuration = os.environ.get("CONFIGURATION_DIRECTORY", "").split(":", 1)[0]
    return Path(configuration or "/etc/zfspull") / KEYS


class Ends:
    """Made for one configuration; connections are opened when needed and kept until `aclose`.

    Args:
        config: whose hosts, target settings and limits to use.
        clock: time.

    Attributes:
        machine: identity of this machine.
    """

    def __init__(self, config: Config, *, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._connections: dict[str, Connection] = {}
        self._refused: dict[str, set[str]] = {}
        self.machine = machine_identity()
        self._sources: dict[str, SshSource] = {}
        self._streams = asyncio.Semaphore(config.limits.streams)
        self._slots = {
            name: Slots(asyncio.Semaphore(host.streams), self._streams) for name, host in config.hosts.items()
        }
        settings = config.target
        self._target = LocalTarget(
            zfs=settings.zfs,
            properties=settings.properties,
            filesystem_properties=settings.filesystem_properties,
            exclude_properties=settings.exclude_properties,
        )

    def source(self, host: str) -> SshSource:
        """The host of that name."""
        if host not in self._sources:
            settings = self._config.hosts[host]
            rate = settings.rate_limit_bytes_per_second
            self._sources[host] = SshSource(
                self._connection(settings),
                zfs=settings.zfs,
                command_timeout_seconds=settings.command_timeout_seconds,
                limiter=Limiter(int(rate), self._clock) if rate else None,
            )
        return self._sources[host]

    def connection(self, host: str) -> Connection:
        """The way to the host of that name, for a look at what is not ZFS there."""
        return self._connection(self._config.hosts[host])

    @property
    def target(self) -> LocalTarget:
        """The pools here."""
        return self._target

    def slots(self, host: str) -> Slots:
        """The limits on streams for that host."""
        return self._slots[host]

    @property
    def low_space(self) -> LowSpace:
        """When a pool here counts as short of room."""
        return self._config.limits.low_space

    def refused(self, host: str) -> set[str]:
        """What that host has been found not to permit, so that it is told once and not tried again."""
        return self._refused.setdefault(host, set())

    def stall_timeout_seconds(self, host: str) -> float:
        """How long a stream from that host may stand still."""
        return self._config.hosts[host].stall_timeout_seconds

    async def aclose(self) -> None:
        """End all connections."""
        for connection in self._connections.values():
            await connection.aclose()

    def _connection(self, host: Host) -> Connection:
        if host.name not in self._connections:
            via = self._connection(self._config.hosts[host.jump]) if host.jump else None
            login = Login(
                host=host.name,
                address=host.address,
                port=host.port,
                user=host.user,
                key=key_file(Path(host.key) if host.key else default_key()),
                known_hosts=Path(host.known_hosts),
                connect_timeout_seconds=host.connect_timeout_seconds,
                keepalive_interval_seconds=host.keepalive_interval_seconds,
            )
            self._connections[host.name] = Connection(login, via=via)
        return self._connections[host.name]
