"""The shape of the configuration: frozen pydantic models, unknown keys forbidden.

What one value may be is said in `values`; what holds across values and files is in `check`; where a value stood in its
file is known to `load`. A field's alias is its key in YAML: attributes carry units (`jitter_seconds`), keys do not,
for there the value does (`jitter: 5m`). The text of each field's description is what an editor shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from zfspull.config.decisions import MaxDestroy
from zfspull.config.parts import Keep, Keeps, KeepSet, Mirror, Retry, Shape, Snapshots, retention
from zfspull.config.readers import Listen
from zfspull.config.values import (
    MOST_STREAMS,
    AbsolutePath,
    Address,
    Command,
    Destroys,
    Duration,
    Flag,
    ListenOn,
    Low,
    Name,
    Pattern,
    Port,
    Positive,
    PropertyName,
    PropertyValue,
    Rate,
    Resolutions,
    Source,
    Streams,
    Target,
    Timeout,
    When,
    WhenMissing,
    Word,
    Zone,
)
from zfspull.errors import Problem
from zfspull.plan.cursors import CursorKind
from zfspull.plan.missing import Missing
from zfspull.plan.policy import Initial, Policy
from zfspull.plan.retention import Retention
from zfspull.plan.space import LowSpace


__all__ = [
    "Config",
    "Defaults",
    "Host",
    "Http",
    "Job",
    "Keep",
    "KeepSet",
    "Limits",
    "Main",
    "MaxDestroy",
    "Mirror",
    "Retry",
    "Snapshots",
    "TargetSettings",
]


class Host(Shape):
    """A machine that is pulled from. Its name is its key in the file."""

    name: Name
    address: Address = Field(description="Host name or IP address.")
    port: Port = 22
    user: Word = "root"
    key: AbsolutePath | None = Field(default=None, description="Private SSH key; without one, the daemon's own.")
    known_hosts: AbsolutePath = Field(
        default="/etc/zfspull/known_hosts", description="The host keys to trust; a host with an unknown key is refused."
    )
    jump: Name | None = Field(default=None, description="Another configured host to reach this one through.")
    zfs: Command = Field(
        default=("zfs",), description="How zfs is called there: zfs, [sudo, -n, zfs] or an absolute path."
    )
    streams: Streams = Field(
        default=2, description=f"How many streams may be sent at once; at most {MOST_STREAMS} fit on a connection."
    )
    rate_limit_bytes_per_second: Rate | None = Field(
        default=None, alias="rate_limit", description="Shared by the host's streams, such as 10 MiB/s."
    )
    connect_timeout_seconds: Timeout = Field(default=30.0, alias="connect_timeout")
    command_timeout_seconds: Timeout = Field(
        default=600.0, alias="command_timeout", description="For anything but a stream."
    )
    keepalive_interval_seconds: Timeout = Field(default=15.0, alias="keepalive_interval")
    stall_timeout_seconds: Timeout = Field(
        default=600.0, alias="stall_timeout", description="How long a stream may move nothing before it is given up."
    )


class TargetSettings(Shape):
    """How replicas are received here."""

    zfs: Command = ("zfs",)
    properties: dict[PropertyName, PropertyValue] = Field(
        default={"readonly": "on"}, description="Set on every dataset received (zfs recv -o)."
    )
    filesystem_properties: dict[PropertyName, PropertyValue] = Field(
        default={"canmount": "noauto"}, description="Set on every filesystem received, not on volumes."
    )
    exclude_properties: tuple[PropertyName, ...] = Field(
        default=("mountpoint",), description="Not taken over from the source (zfs recv -x); for filesystems."
    )

    @model_validator(mode="after")
    def _check(self) -> TargetSettings:
        for name in self.exclude_properties:
            if name in self.properties or name in self.filesystem_properties:
                raise ValueError(f"{name} is both set and excluded; zfs recv refuses that")
        for name in ("canmount", "mountpoint"):
            if name in self.properties:
                raise ValueError(f"volumes have no {name}; move it to filesystem_properties")
        for name in ("encryption", "keyformat", "pbkdf2iters"):
            if name in self.properties or name in self.filesystem_properties:
                raise ValueError(f"{name} can't be set: a raw stream brings its own")
        return self


class Limits(Shape):
    """What may happen at the same time, over all hosts."""

    runs: Positive = Field(default=4, description="Jobs at work.")
    streams: Positive = Field(default=4, description="Streams being received.")
    low_space: Low = Field(
        default=LowSpace(share=0.05), description="With less room in the pool than this, prune before a pull."
    )


class Http(Shape):
    """Where /metrics and /healthz are served."""

    enabled: Flag = True
    listen: ListenOn = Field(
        default=Listen("127.0.0.1", 9797), description="address:port; loopback unless you mean it."
    )

    @property
    def address(self) -> str:
        """Host name or IP address to bind."""
        return self.listen.address

    @property
    def port(self) -> int:
        """The TCP port; 0 for any free one."""
        return self.listen.port


class Job(Shape):
    """One source dataset (tree), one target, one schedule, one retention."""

    name: Name = Field(description="Without one, the name of the file.")
    origin: Source = Field(alias="source", description="host:dataset, the dataset to pull.")
    target: Target = Field(description="Its replica in the local pool.")
    recursive: Flag = Field(default=False, description="With all datasets below.")
    exclude: tuple[Pattern, ...] = Field(default=(), description="Paths below the source to leave out.")
    schedule: When = Field(description="crontab fields, @hourly ..., every 15m, or manual.")
    jitter_seconds: Duration = Field(default=0.0, alias="jitter", description="Each firing is late by up to this.")
    timezone: Zone = Field(default="UTC", description="For the schedule and for the periods of keep.")
    snapshots: Snapshots = Snapshots()
    keep_shape: Keeps | None = Field(default=None, alias="keep")
    keep_source_shape: Keeps | None = Field(
        default=None,
        alias="keep_source",
        description="What to keep on the source of what has arrived; without it nothing is destroyed there.",
    )
    max_lag_before_prune_seconds: Duration | None = Field(
        default=None,
        alias="max_lag_before_prune",
        description="With keep_source: from this lag on it may destroy what has not arrived.",
    )
    mirror: Mirror | None = Field(default=None, description="Let go of what the source has no more, after a grace.")
    missing: WhenMissing = Field(default=Missing(), description="What becomes of datasets that are gone on the source.")
    max_destroy: Destroys = Field(default=MaxDestroy(share=0.5), description="What one run may destroy; else none is.")
    initial: Initial = Field(default=Initial.ALL, description="What to pull of a dataset without a replica.")
    resolve: Resolutions = Field(
        default={}, description="Refusals to resolve without a person, such as target_modified: rollback."
    )
    cursor: CursorKind = Field(
        default=CursorKind.AUTO, description="What keeps the base usable on the source: auto, bookmark, hold or none."
    )
    retry: Retry = Retry()

    @property
    def host(self) -> str:
        """Name of the host that is pulled from."""
        return self.origin.host

    @property
    def source(self) -> str:
        """Full name of the dataset on the host."""
        return self.origin.dataset

    @property
    def keep(self) -> Retention | None:
        """The keep rules, None to keep everything."""
        return retention(self.keep_shape)

    @property
    def keep_source(self) -> Retention | None:
        """The keep rules for the source, None to destroy nothing there."""
        return retention(self.keep_source_shape)

    @property
    def mirror_grace_seconds(self) -> float | None:
        """For how long snapshots that are gone on the source are kept; None if the job is no mirror of snapshots."""
        return self.mirror.grace_seconds if self.mirror and self.mirror.snapshots else None

    @property
    def zone(self) -> ZoneInfo:
        """The job's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def policy(self) -> Policy:
        """What planning needs to know of the job."""
        resolve = frozenset(self.resolve)
        return Policy(match=self.snapshots.match, exclude=self.exclude, initial=self.initial, resolve=resolve)


class Defaults(Shape):
    """What jobs have that do not say otherwise; a job's value replaces the whole value here."""

    recursive: Flag | None = None
    schedule: When = None
    jitter_seconds: Duration | None = Field(default=None, alias="jitter")
    timezone: Zone | None = None
    snapshots: Snapshots | None = None
    keep_shape: Keeps | None = Field(default=None, alias="keep")
    keep_source_shape: Keeps | None = Field(default=None, alias="keep_source")
    mirror: Mirror | None = None
    missing: WhenMissing | None = None
    max_destroy: Destroys | None = None
    initial: Initial | None = None
    resolve: Resolutions | None = None
    cursor: CursorKind | None = None
    retry: Retry | None = None


class Main(Shape):
    """The main file, zfspull.yaml."""

    version: Literal[1] = 1
    hosts: dict[str, Host] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    target: TargetSettings = TargetSettings()
    http: Http | None = Http()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that was configured.

    Attributes:
        hosts: by name.
        jobs: by name, the defaults merged in.
        target: settings of the local side.
        http: None if nothing is to be served.
        limits: over all hosts.
        sources: the files that were read, the main one first.
        places: by name of each job, where its `keep` stands, as a problem without words: file, line, column and key.
    """

    hosts: Mapping[str, Host] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    target: TargetSettings = field(default_factory=TargetSettings)
    http: Http | None = field(default_factory=Http)
    limits: Limits = field(default_factory=Limits)
    sources: tuple[str, ...] = ()
    places: Mapping[str, Problem] = field(default_factory=dict, compare=False, repr=False)
