"""What pools hold, as records: datasets, snapshots, bookmarks, and the partial state of an interrupted receive.

The content of a dataset is a tuple of blobs, one for each write, that only grows; a snapshot is such a tuple at one
moment, so an increment is what one tuple has beyond another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zfspull.hosts.memory.cipher import WrappedKey
from zfspull.hosts.memory.frames import Begin
from zfspull.zfs.model import Bookmark, Dataset, Kind, Snapshot
from zfspull.zfs.token import ResumeToken, encode


@dataclass(frozen=True, slots=True)
class Blob:
    """One write, as it is stored: ciphertext in an encrypted dataset."""

    nonce: int
    stored: bytes


Content = tuple[Blob, ...]


@dataclass(slots=True, kw_only=True)
class Shot:
    """A snapshot."""

    name: str
    guid: int
    createtxg: int
    creation: int
    ivsetguid: int | None
    content: Content
    holds: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bookmark: where a snapshot stood, without its content."""

    name: str
    guid: int
    createtxg: int
    creation: int
    ivsetguid: int | None
    length: int


@dataclass(slots=True)
class Partial:
    """A receive that is under way or was interrupted: complete blobs, and the beginning of the next one."""

    begin: Begin
    blobs: list[Blob] = field(default_factory=list)
    nonce: int = 0
    tail: bytearray = field(default_factory=bytearray)
    last_bytes: int = 0

    @property
    def received_bytes(self) -> int:
        """How much content has arrived."""
        return sum(len(blob.stored) for blob in self.blobs) + len(self.tail)

    @property
    def token(self) -> str:
        """The resume token."""
        begin = self.begin
        return encode(
            ResumeToken(
                to_guid=begin.to_guid,
                from_guid=begin.from_guid,
                to_name=begin.to_name,
                object=begin.first_object + len(self.blobs),
                offset=len(self.tail),
                bytes=self.received_bytes,
                raw=begin.key is not None,
                embedded=begin.embedded,
                compressed=True,
            )
        )

    def lose_last_record(self) -> None:
        """Forget what was written last."""
        if self.last_bytes <= len(self.tail):
            del self.tail[len(self.tail) - self.last_bytes :]
        self.last_bytes = 0


@dataclass(slots=True, kw_only=True)
class Node:
    """A filesystem or volume.

    Attributes:
        key: its master key as stored; None for a plain dataset.
        encryption_root: the dataset whose passphrase unlocks it.
        master: the master key itself, while it is loaded.
        partial: of an interrupted receive.
        receiving: whether a receive into it is under way.
        origin: full name of the snapshot that it was cloned from.
        snapshots_changed: when one of its snapshots was made or destroyed last, in whole seconds.
    """

    name: str
    kind: Kind
    guid: int
    key: WrappedKey | None = None
    encryption_root: str | None = None
    master: bytes | None = None
    content: Content = ()
    snapshots: list[Shot] = field(default_factory=list)
    bookmarks: list[Mark] = field(default_factory=list)
    partial: Partial | None = None
    receiving: bool = False
    origin: str | None = None
    readonly: bool = False
    snapshots_changed: int = 0

    @property
    def newest(self) -> Shot | None:
        """The newest snapshot."""
        return self.snapshots[-1] if self.snapshots else None

    @property
    def modified(self) -> bool:
        """Whether it was written to since its newest snapshot."""
        return self.newest is not None and self.content != self.newest.content

    @property
    def written_bytes(self) -> int:
        """Bytes written since the newest snapshot; one that has none is never empty."""
        if self.newest is None:
            return _EMPTY_BYTES + size_bytes(self.content) + (self.partial.received_bytes if self.partial else 0)
        return size_bytes(self.content[len(self.newest.content) :]) if self.modified else 0

    def shot(self, name: str) -> Shot | None:
        """The snapshot of that name."""
        return next((shot for shot in self.snapshots if shot.name == name), None)

    def listed(self, clones: dict[str, list[str]]) -> Dataset:
        """As a listing shows it; `clones` are known by the full name of their origin."""
        return Dataset(
            name=self.name,
            kind=self.kind,
            guid=self.guid,
            encryption_root=self.encryption_root,
            key_available=None if self.key is None else self.master is not None,
            resume_token=self.partial.token if self.partial else None,
            written_bytes=self.written_bytes,
            mounted=None if self.kind is Kind.VOLUME else False,
            readonly=self.readonly,
            origin=self.origin,
            snapshots=tuple(
                Snapshot(
                    name=shot.name,
                    guid=shot.guid,
                    createtxg=shot.createtxg,
                    creation=shot.creation,
                    ivsetguid=shot.ivsetguid,
                    holds=len(shot.holds),
                    clones=tuple(clones.get(f"{self.name}@{shot.name}", ())),
                )
                for shot in self.snapshots
            ),
            bookmarks=tuple(
                Bookmark(
                    name=mark.name,
                    guid=mark.guid,
                    createtxg=mark.createtxg,
                    creation=mark.creation,
                    ivsetguid=mark.ivsetguid,
                )
                for mark in sorted(self.bookmarks, key=lambda mark: mark.createtxg)
            ),
        )


_EMPTY_BYTES = 24576  # what a fresh filesystem has written, as seen on OpenZFS 2.3


def size_bytes(content: Content) -> int:
    """How much the blobs hold."""
    return sum(len(blob.stored) for blob in content)
