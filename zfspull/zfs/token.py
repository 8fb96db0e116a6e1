"""Resume tokens: what the property `receive_resume_token` says about an interrupted receive.

The format is `1-CHECKSUM-SIZE-PAYLOAD`, all in hexadecimal: the payload is a zlib stream of a packed list of SIZE
bytes, the checksum the first word of the Fletcher-4 sum over the compressed payload. Written by
`get_receive_resume_token_impl` in module/zfs/dsl_dataset.c, read by `zfs_send_resume_token_to_nvlist` in
lib/libzfs/libzfs_sendrecv.c of OpenZFS. Both ends can forge one (openzfs/zfs issue 14153), so compare what it says
with what is wanted before it is used.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from zfspull.zfs.nvlist import NvlistError, Value, pack, unpack


MAX_PACKED_BYTES = 64 * 1024
_MAX_TEXT = 4 * MAX_PACKED_BYTES
_FORMAT = re.compile(r"(?a:([0-9]{1,10}))-([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})-((?:[0-9a-fA-F]{2})+)")
_VERSION = 1
_UINT64 = 2**64

# Attribute of ResumeToken -> name in the list, for the flags.
_FLAGS = {
    "large_block": "largeblockok",
    "embedded": "embedok",
    "compressed": "compressok",
    "raw": "rawok",
    "saved": "savedok",
}


class TokenError(ValueError):
    """This is no resume token that can be read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeToken:
    """An interrupted receive.

    Attributes:
        to_guid: the snapshot that was being received.
        from_guid: the base of the increment, None for a full stream.
        to_name: the snapshot's full name on the sender, as `pool/dataset@name`.
        object: the object in which the stream stopped.
        offset: where in that object, in bytes.
        bytes: how many bytes were received.
        raw, large_block, compressed, embedded: flags of the stream (`zfs send -w -L -c -e`), resumed or not.
        saved: the stream was of a partially received dataset (`zfs send -S`).
    """

    to_guid: int
    from_guid: int | None
    to_name: str
    object: int
    offset: int
    bytes: int
    raw: bool = False
    large_block: bool = False
    compressed: bool = False
    embedded: bool = False
    saved: bool = False


def decode(text: str) -> ResumeToken:
    """Read a resume token.

    Raises:
        TokenError: anything that is not well-formed; no other error, whatever the text.
    """
    if len(text) > _MAX_TEXT:
        raise TokenError(f"resume token is {len(text)} characters long; no real one has more than {_MAX_TEXT}")
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise TokenError("resume token does not have the form VERSION-CHECKSUM-SIZE-PAYLOAD")
    version, checksum, size, payload = match.groups()
    if int(version) != _VERSION:
        raise TokenError(f"resume token has version {version}, only {_VERSION} is known")
    compressed = bytes.fromhex(payload)
    # Words are summed up in the byte order of the machine that made the token.
    if int(checksum, 16) not in (_fletcher4_word(compressed, "<"), _fletcher4_word(compressed, ">")):
        raise TokenError("resume token has a wrong checksum: it is damaged or cut off")
    try:
        pairs = unpack(_decompress(compressed, int(size, 16)))
    except NvlistError as error:
        raise TokenError(f"resume token can't be read: {error}") from error
    return _from_pairs(pairs)


def encode(token: ResumeToken) -> str:
    """Write a token as OpenZFS does on a little-endian machine, such that `zfs send -t` takes it."""
    numbers = {"object": token.object, "offset": token.offset, "bytes": token.bytes, "toguid": token.to_guid}
    base = {} if token.from_guid is None else {"fromguid": token.from_guid}
    flags = {name: True for attribute, name in _FLAGS.items() if getattr(token, attribute)}
    packed = pack({**base, **numbers, "toname": token.to_name, **flags})
    compressed = zlib.compress(packed, 6)
    return f"{_VERSION}-{_fletcher4_word(compressed, '<'):x}-{len(packed):x}-{compressed.hex()}"


def _fletcher4_word(data: bytes, order: str) -> int:
    """The first of the four words of Fletcher-4: the plain sum. Up to 3 bytes at the end are not covered."""
    count = len(data) // 4
    words: tuple[int, ...] = struct.unpack_from(f"{order}{count}I", data)
    return sum(words) % _UINT64


def _decompress(compressed: bytes, size: int) -> bytes:
    if size > MAX_PACKED_BYTES:
        raise TokenError(f"resume token claims a content of {size} bytes; no real one has more than {MAX_PACKED_BYTES}")
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(compressed, size + 1)
    except zlib.error as error:
        raise TokenError(f"resume token can't be decompressed: {error}") from error
    if not stream.eof or len(data) != size:
        raise TokenError(f"resume token's content does not have the {size} bytes that it claims")
    return data


def _from_pairs(pairs: dict[str, Value]) -> ResumeToken:
    name = pairs.get("toname")
    if not isinstance(name, str) or not name or not name.isprintable():
        raise TokenError("resume token has no valid toname")
    return ResumeToken(
        to_guid=_number(pairs, "toguid"),
        from_guid=(_number(pairs, "fromguid") or None) if "fromguid" in pairs else None,
        to_name=name,
        object=_number(pairs, "object"),
        offset=_number(pairs, "offset"),
        bytes=_number(pairs, "bytes"),
        **{attribute: flag in pairs for attribute, flag in _FLAGS.items()},
    )


def _number(pairs: dict[str, Value], name: str) -> int:
    value = pairs.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TokenError(f"resume token has no valid {name}")
    return value
