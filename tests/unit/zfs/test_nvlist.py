import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.zfs.nvlist import NvlistError, pack, unpack


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.integers(0, 2**64 - 1) | NAMES | st.just(True)


# Taken apart by hand after nvpair.c: header; then a pair of 32 bytes: size, size of name, -, elements, type, "bytes\0".
BYTES_IS_5 = (
    b"\0\1\0\0" b"\0\0\0\0" b"\1\0\0\0"
    b"\x20\0\0\0" b"\6\0" b"\0\0" b"\1\0\0\0" b"\x08\0\0\0" b"bytes\0\0\0" b"\5\0\0\0\0\0\0\0"
    b"\0\0\0\0"
)  # fmt: skip


def test_the_layout():
    """One number, byte for byte."""
    assert unpack(BYTES_IS_5) == {"bytes": 5}
    assert pack({"bytes": 5}) == BYTES_IS_5


def test_a_big_endian_list():
    """The list of a machine with the other byte order is read as well."""
    pair = struct.pack(">ihhii6sxxQ", 32, 6, 0, 1, 8, b"bytes\0", 5)

    assert unpack(struct.pack(">BBxxii", 0, 0, 0, 1) + pair + bytes(4)) == {"bytes": 5}


def test_a_pair_of_an_unknown_type_is_passed_over():
    """Redacted streams put arrays into the list; what stands behind them is read."""
    array = struct.pack("<ihhii6sxxQQ", 40, 6, 0, 2, 16, b"array\0", 1, 2)

    assert unpack(BYTES_IS_5[:12] + array + BYTES_IS_5[12:]) == {"array": None, "bytes": 5}


@given(pairs=st.dictionaries(NAMES, VALUES, max_size=8))
def test_what_was_packed_is_unpacked(pairs):
    """A round trip changes nothing, not even the order."""
    assert list(unpack(pack(pairs)).items()) == list(pairs.items())


@given(
    data=st.binary(max_size=200),
    pairs=st.dictionaries(NAMES, VALUES, max_size=4),
    cut=st.integers(0, 400),
    at=st.integers(0, 400),
)
def test_no_bytes_raise_anything_else(data, pairs, cut, at):
    """Damaged lists are a NvlistError, whatever the damage."""
    packed = pack(pairs)
    for damaged in (data, packed[:cut], packed[:at] + data[:1] + packed[at + 1 :], b"\0\1\0\0\0\0\0\0\1\0\0\0" + data):
        with suppress(NvlistError):
            unpack(damaged)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "within its header"),
        (b"\1" + BYTES_IS_5[1:], "encoding 1"),
        (b"\0\2" + BYTES_IS_5[2:], "endianness 2"),
        (BYTES_IS_5[:4] + b"\1" + BYTES_IS_5[5:], "version 1"),
        (BYTES_IS_5[:-4], "no end"),
        (BYTES_IS_5[:12] + b"\xff\0\0\0" + BYTES_IS_5[16:], "size 255"),
        (BYTES_IS_5[:12] + b"\xff\xff\xff\xff" + BYTES_IS_5[16:], "size -1"),
        (BYTES_IS_5[:16] + b"\xff\xff" + BYTES_IS_5[18:], "name has the size -1"),
        (BYTES_IS_5[:16] + b"\xff\0" + BYTES_IS_5[18:], "name has the size 255"),
        (BYTES_IS_5[:16] + b"\5" + BYTES_IS_5[17:], "a name does not end"),
        (BYTES_IS_5.replace(b"by", b"\xffy"), "no UTF-8"),
        (BYTES_IS_5[:24] + b"\x13" + BYTES_IS_5[25:], "'bytes' is a list"),
        (BYTES_IS_5[:20] + b"\2" + BYTES_IS_5[21:], "no 64-bit integer"),
        (BYTES_IS_5[:-4] + BYTES_IS_5[12:], "'bytes' twice"),
    ],
)
def test_the_error_says_what_is_wrong(data, says):
    """Each kind of damage has its own words."""
    with pytest.raises(NvlistError, match=says):
        unpack(data)
