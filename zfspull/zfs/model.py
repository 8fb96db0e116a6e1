"""What ZFS has: datasets, snapshots, bookmarks and trees of them, as frozen values.

Nothing here runs anything or reads a clock. A guid is the identity of a snapshot or bookmark on every machine; a
name is a label; `createtxg` is order within one pool only; `creation` is time, in whole seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The two kinds of dataset that can be replicated, in the words of `zfs list -t`."""

    FILESYSTEM = "filesystem"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot of one dataset.

    Attributes:
        name: what stands after the `@`.
        guid: identity, equal on both sides after a receive.
        createtxg: order within its pool.
        creation: seconds since the epoch; equal on both sides after a receive.
        ivsetguid: identity of the set of initialization vectors of an encrypted snapshot, None where there is none
            (plain) or it was not asked for. Two encrypted snapshots of equal guid but different `ivsetguid` are no
            base for a raw increment (zfs-receive(8), errata 4).
        holds: how many user holds there are (`userrefs`).
        clones: datasets that were cloned from it.
    """

    name: str
    guid: int
    createtxg: int
    creation: int
    ivsetguid: int | None = None
    holds: int = 0
    clones: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The name with its separator, as in `pool/dataset@name`."""
        return f"@{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """A bookmark on the source: it has the guid, createtxg and creation of the snapshot that it was made from."""

    name: str
    guid: int
    createtxg: int
    creation: int
    ivsetguid: int | None = None

    @property
    def mark(self) -> str:
        """The name with its separator, as in `pool/dataset#name`."""
        return f"#{self.name}"


Point = Snapshot | Bookmark


class Brief(NamedTuple):
    """The little of a snapshot or bookmark that ZFS lists fast: the name with its separator, guid and createtxg."""

    mark: str
    guid: int
    createtxg: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A user hold: the full name of the snapshot, and the tag."""

    snapshot: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A filesystem or volume with its snapshots and bookmarks as listed at one moment.

    Attributes:
        name: the full name, `pool/path`.
        kind: filesystem or volume.
        guid: identity of the dataset in its own pool (a replica has another one).
        encryption_root: None for a plain dataset.
        key_available: whether the key is loaded; None for a plain dataset.
        resume_token: what `receive_resume_token` holds, None without an interrupted receive.
        written_bytes: space written since the newest snapshot.
        mounted: None for a volume.
        readonly: the value of the property.
        origin: the snapshot this is a clone of, None for most.
        used_bytes: space that it and all below it take; None where it was not asked for, as of a source.
        snapshots_bytes: space that its own snapshots alone hold; None likewise.
        available_bytes: space that it could still take, quotas considered; None likewise.
        snapshots_changed: when a snapshot of it was made, destroyed or renamed last, in whole seconds by the clock of
            its host; 0 for never, as far as its pool knows; None where it was not asked for, or the host can't tell.
        snapshots: oldest first, by `createtxg`.
        bookmarks: oldest first, by `createtxg`.
    """

    name: str
    kind: Kind
    guid: int
    encryption_root: str | None = None
    key_available: bool | None = None
    resume_token: str | None = None
    written_bytes: int = 0
    mounted: bool | None = None
    readonly: bool = False
    origin: str | None = None
    used_bytes: int | None = None
    snapshots_bytes: int | None = None
    available_bytes: int | None = None
    snapshots_changed: int | None = None
    snapshots: tuple[Snapshot, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()

    @property
    def encrypted(self) -> bool:
        """Whether the dataset is stored as ciphertext."""
        return self.encryption_root is not None

    @property
    def points(self) -> tuple[Point, ...]:
        """Everything that an increment can start from: the snapshots, then the bookmarks."""
        return (*self.snapshots, *self.bookmarks)

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot, None where there is none."""
        return self.snapshots[-1] if self.snapshots else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A dataset and its descendants, as listed at one moment.

    Attributes:
        root: full name of the top dataset; it need not exist.
        datasets: by path relative to the root: `""` is the root itself, `"a/b"` lies below it. Parents come first.
        above: where the root does not exist, the nearest filesystem above it, if that was asked for.
    """

    root: str
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    above: Dataset | None = None

    @property
    def exists(self) -> bool:
        """Whether the root dataset is there."""
        return "" in self.datasets


@dataclass(frozen=True, slots=True)
class Space:
    """Room in a pool, or below a dataset: what is in use and what is available, as `zfs list` shows it.

    `zpool list` would show more: it counts what the pool keeps for itself, and parity.
    """

    used_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What is there of a dataset and one of its snapshots after a step.

    Attributes:
        exists: whether the dataset does.
        guid, ivsetguid: the snapshot's, None if it is not there.
        resume_token: the dataset's, None without an interrupted receive.
    """

    exists: bool = False
    guid: int | None = None
    ivsetguid: int | None = None
    resume_token: str | None = None
