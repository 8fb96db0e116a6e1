"""Packed name-value lists in the native encoding of OpenZFS, as far as resume tokens use them.

The layout is that of `nvpair_t` in include/sys/nvpair.h, packed by module/nvpair/nvpair.c (`nvs_native`): a header of
4 bytes (encoding, endianness, 2 unused), version and flags as 32-bit integers, then the pairs, then a 32-bit zero.
A pair is its size, the size of its name, 2 unused bytes, the number of elements, the type, the name with its NUL,
and the value; name and value are each padded so that what follows lies on 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping


Value = int | str | bool | None
"""What a pair holds: a uint64, a string, True for a bare flag, None for a type that is not read here."""

_NATIVE, _LITTLE, _BIG = 0, 1, 0
_BOOLEAN, _UINT64, _STRING, _NVLIST, _NVLIST_ARRAY = 1, 8, 9, 19, 20
_UNIQUE_NAME = 1
_LIST_HEADER = 12
_PAIR_HEADER = 16


class NvlistError(ValueError):
    """These bytes are no packed list, or not one that is read here."""


def unpack(data: bytes) -> dict[str, Value]:
    """Read a packed list.

    Raises:
        NvlistError: anything that is not well-formed; no other error, whatever the bytes.
    """
    if len(data) < _LIST_HEADER:
        raise NvlistError("the list ends within its header")
    if data[0] != _NATIVE or data[1] not in (_LITTLE, _BIG):
        raise NvlistError(f"the list has encoding {data[0]} and endianness {data[1]}")
    order = "<" if data[1] == _LITTLE else ">"
    (version,) = struct.unpack_from(f"{order}i", data, 4)
    if version != 0:
        raise NvlistError(f"the list has version {version}")
    pairs: dict[str, Value] = {}
    for name, value in _pairs(data, order):
        if name in pairs:
            raise NvlistError(f"the list has {name!r} twice")
        pairs[name] = value
    return pairs


def _pairs(data: bytes, order: str) -> Iterator[tuple[str, Value]]:
    position = _LIST_HEADER
    while True:
        if position + 4 > len(data):
            raise NvlistError("the list has no end")
        (size,) = struct.unpack_from(f"{order}i", data, position)
        if size == 0:
            return
        if size < _PAIR_HEADER or position + size > len(data):
            raise NvlistError(f"a pair has the size {size}")
        yield _pair(data[position : position + size], order)
        position += size


def _pair(pair: bytes, order: str) -> tuple[str, Value]:
    _, name_size, _, elements, kind = struct.unpack_from(f"{order}ihhii", pair)
    value = pair[_aligned(_PAIR_HEADER + max(name_size, 0)) :]
    raw_name = pair[_PAIR_HEADER : _PAIR_HEADER + max(name_size, 0)]
    if len(raw_name) != name_size:
        raise NvlistError(f"a name has the size {name_size}")
    name = _text(raw_name, "a name")
    if kind in (_NVLIST, _NVLIST_ARRAY):
        # The embedded lists follow their pair in the stream: to skip the pair would be to lose the thread.
        raise NvlistError(f"{name!r} is a list")
    if kind == _BOOLEAN:
        return name, True
    if kind == _UINT64:
        if len(value) != struct.calcsize("Q") or elements != 1:
            raise NvlistError(f"{name!r} is no 64-bit integer")
        return name, int(struct.unpack(f"{order}Q", value)[0])
    if kind == _STRING:
        string, nul, _ = value.partition(b"\0")
        return name, _text(string + nul, repr(name))
    return name, None


def _text(data: bytes, what: str) -> str:
    """The text before the one NUL that ends `data`."""
    if not data.endswith(b"\0") or b"\0" in data[:-1]:
        raise NvlistError(f"{what} does not end where it should")
    try:
        return data[:-1].decode()
    except UnicodeDecodeError as error:
        raise NvlistError(f"{what} is no UTF-8") from error


def pack(pairs: Mapping[str, int | str | bool]) -> bytes:
    """Pack a list as a little-endian machine does; True is a bare flag, and so is not False but left out."""
    packed = [_packed(name, value) for name, value in pairs.items()]
    return struct.pack("<BBxxiI", _NATIVE, _LITTLE, 0, _UNIQUE_NAME) + b"".join(packed) + bytes(4)


def _packed(name: str, value: int | str | bool) -> bytes:  # noqa: FBT001 - a value among others, not a switch
    raw_name = name.encode() + b"\0"
    if isinstance(value, bool):
        kind, elements, data = _BOOLEAN, 0, b""
    elif isinstance(value, int):
        kind, elements, data = _UINT64, 1, struct.pack("<Q", value)
    else:
        kind, elements, data = _STRING, 1, value.encode() + b"\0"
    named = _padded(struct.pack("<hhii", len(raw_name), 0, elements, kind) + raw_name, begin=4)
    body = named + _padded(data)
    return struct.pack("<i", 4 + len(body)) + body


def _padded(data: bytes, begin: int = 0) -> bytes:
    return data + bytes(_aligned(begin + len(data)) - begin - len(data))


def _aligned(size: int) -> int:
    return (size + 7) & ~7
