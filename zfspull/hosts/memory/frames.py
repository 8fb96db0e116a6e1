"""The form of a stream in memory: packages of framed records, each with a checksum, so that it can be cut anywhere.

A stream is one package for each snapshot that it brings: a beginning, any number of writes, an end. A frame is a magic
word, its kind, the size and checksum of its payload, and the payload.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from zfspull.hosts.memory import words
from zfspull.hosts.memory.cipher import WrappedKey
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.zfs.model import Kind


_MAGIC = b"ZMEM"
_FRAME = struct.Struct(">4scII")
_WRITE = struct.Struct(">QQQQ")
RECORD_BYTES = 2048
"""How much content one record holds at most: what an interruption can cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The beginning of a package.

    Attributes:
        kind: filesystem or volume.
        to_name: full name of the snapshot on the sender.
        to_guid, creation: the snapshot's.
        ivsetguid: the snapshot's, in a raw package.
        from_guid, from_ivsetguid: the base's, None in a full package.
        first_object: how many blobs the base has.
        key: the wrapped master key in a raw package; None in a plain one.
        embedded: whether it may have embedded blocks.
        resumed: whether the beginning of the content was left out, being there already.
        last: whether no further package follows.
    """

    kind: Kind
    to_name: str
    to_guid: int
    creation: int
    ivsetguid: int | None = None
    from_guid: int | None = None
    from_ivsetguid: int | None = None
    first_object: int = 0
    key: WrappedKey | None = None
    embedded: bool = False
    resumed: bool = False
    last: bool = True

    def frame(self) -> bytes:
        """The record as it is sent."""
        fields = asdict(self)
        if self.key is not None:
            fields["key"] = [self.key.guid, self.key.wrapped.hex()]
        return _framed(b"B", json.dumps(fields).encode())


@dataclass(frozen=True, slots=True)
class Write:
    """Content of one blob: `data` at `offset`, of `size` bytes in all."""

    object: int
    nonce: int
    offset: int
    size: int
    data: bytes

    def frame(self) -> bytes:
        """The record as it is sent."""
        return _framed(b"W", _WRITE.pack(self.object, self.nonce, self.offset, self.size) + self.data)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a package."""

    def frame(self) -> bytes:
        """The record as it is sent."""
        return _framed(b"E", b"")


Record = Begin | Write | End


class Parser:
    """Turns pieces of a stream, cut anywhere, into records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[Record]:
        """Take a piece; yields the records that are complete by now.

        Raises:
            ZfsSaysError: this is no stream, or a damaged one.
        """
        self._buffer += piece
        while len(self._buffer) >= _FRAME.size:
            magic, kind, size, checksum = _FRAME.unpack_from(self._buffer)
            if magic != _MAGIC:
                raise ZfsSaysError(words.BAD_MAGIC)
            if len(self._buffer) < _FRAME.size + size:
                return
            payload = bytes(self._buffer[_FRAME.size : _FRAME.size + size])
            del self._buffer[: _FRAME.size + size]
            if zlib.crc32(payload) != checksum:
                raise ZfsSaysError(f"cannot receive: {words.INCOMPLETE}")
            yield _record(kind, payload)


def _framed(kind: bytes, payload: bytes) -> bytes:
    return _FRAME.pack(_MAGIC, kind, len(payload), zlib.crc32(payload)) + payload


def _record(kind: bytes, payload: bytes) -> Record:
    if kind == b"E":
        return End()
    if kind == b"W":
        number, nonce, offset, size = _WRITE.unpack_from(payload)
        return Write(number, nonce, offset, size, payload[_WRITE.size :])
    fields = json.loads(payload)
    if fields["key"] is not None:
        fields["key"] = WrappedKey(fields["key"][0], bytes.fromhex(fields["key"][1]))
    return Begin(**{**fields, "kind": Kind(fields["kind"])})
