import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zfspull.zfs.nvlist import pack
from zfspull.zfs.token import MAX_PACKED_BYTES, ResumeToken, TokenError, decode, encode


TOKEN = ResumeToken(
    to_guid=0xFEDC_BA98_7654_3210,
    from_guid=42,
    to_name="tank/home@daily 1",
    object=7,
    offset=131_072,
    bytes=3_000_000,
    raw=True,
    large_block=True,
)
NUMBERS = st.integers(0, 2**64 - 1)
TOKENS = st.builds(
    ResumeToken,
    to_guid=NUMBERS,
    from_guid=st.none() | st.integers(1, 2**64 - 1),
    to_name=st.text("abz09/@-_. ", min_size=1, max_size=255),
    object=NUMBERS,
    offset=NUMBERS,
    bytes=NUMBERS,
    raw=st.booleans(),
    large_block=st.booleans(),
    compressed=st.booleans(),
    embedded=st.booleans(),
    saved=st.booleans(),
)


def _token_of(packed, *, size=None, checksum=None):
    """A token around any content, by the format's description and not by the code under test."""
    compressed = zlib.compress(packed)
    whole = compressed[: len(compressed) // 4 * 4]
    words = sum(int.from_bytes(whole[at : at + 4], "little") for at in range(0, len(whole), 4))
    return f"1-{words if checksum is None else checksum:x}-{len(packed) if size is None else size:x}-{compressed.hex()}"


# Tokens of OpenZFS 2.3.9 after `zfs send ... | head -c 3000000 | zfs recv -s`, with what `zfs send -nvPt` said of each.
REAL = {
    "raw full": (
        "1-e15e0e298-f8-789c636064000310a500c4ec50360710e72765a52697303030419460caa7a515a7968064b4e0f26c48f2499525a9c5407a8e960e56fd25f9e9a599290c0c4fdfce8f4b669e3dcf00499e132c9f97989b0aa413f3b2f553f3921532f273531d8a0d1990dcc3cd80707f727e6e41516a71717e36444c02ea1e987c5162394c8a01001c431f39",
        ResumeToken(
            to_guid=0x9E9B03635E9FEDE5,
            from_guid=None,
            to_name="tank/enc home@s1",
            object=2,
            offset=0x2A0000,
            bytes=0x2C2A9C,
            compressed=True,
            raw=True,
        ),
    ),
    "raw increment": (
        "1-1086bf7f9f-120-789c636064000310a501c49c50360710a715e5e7a69766a63040c1d3b7f3e3929967cf5300b2d991d4e52765a5269730303043d561c8a7a515a7968064b4e0f26c48f2499525a9c5405a445b07abfe927c882b2eea48dcaf89559f668024cf0996cf4bcc4d05d28979d9faa979c90a19f9b9a90ec546307783cce36640f833393fb7a028b5b8383f1b222601750f4cbe28b11c26c5000032bc25d5",
        ResumeToken(
            to_guid=0x96275D7CDF182CD1,
            from_guid=0x9E9B03635E9FEDE5,
            to_name="tank/enc home@s2",
            object=3,
            offset=0x2A0000,
            bytes=0x2C2B14,
            compressed=True,
            raw=True,
        ),
    ),
    "plain full": (
        "1-af5223770-b8-789c636064000310a500c4ec50360710e72765a52697303030419460caa7a515a7968064b4e0f26c48f2499525a9c540fa828a0e56fd25f9e9a599290c0cb5cd4f67ccb8b8eea706923c27583e2f3137154827e665eb17e42466e639141b42dd02006a6518de",
        ResumeToken(
            to_guid=0xF9AED19898E5837D,
            from_guid=None,
            to_name="tank/plain@s1",
            object=2,
            offset=0x2A0000,
            bytes=0x2C24D0,
        ),
    ),
    "plain increment, sent with -Lec": (
        "1-1390dae44a-138-789c636064000310a501c49c50360710a715e5e7a69766a63040416df3d319332eaefba90064b323a9cb4fca4a4d2e61606086aac3904f4b2b4e2d01c908c0e5d990e4932a4b528b8174048f0256fd25f91057247032094b9b5b366b20c97382e5f31273538174625eb67e414e62669e43b111d41c5e0684ff72128bd2539372f293b3f3b341621250f361f2a9b949a9294029903e6e24f1e4fcdc82a2d4e262882e08000037cd29d5",
        ResumeToken(
            to_guid=0x8339371B13020960,
            from_guid=0xF9AED19898E5837D,
            to_name="tank/plain@s2",
            object=3,
            offset=0x100000,
            bytes=0x200C58,
            large_block=True,
            embedded=True,
            compressed=True,
        ),
    ),
    # Of a dataset that is not encrypted, -w makes no raw stream and so leaves no such flag.
    "plain volume, sent with -w": (
        "1-ee3037306-f0-789c636064000310a500c4ec50360710e72765a5269740f80cd8e4d3d28a5381f20c0d3a70793624f9a4ca92d462203d638e2e56fd25f9e9a599290c0cc6866bf7df89f8325d03499e132c9f97989b0aa413f3b2f5cbf2731c8a0dc1e64840f5c3dc9d9a9b949a929f0d369f1b493c393fb7a028b5b818280507007e5d1f49",
        ResumeToken(
            to_guid=0x97F458DCBFAD3133,
            from_guid=None,
            to_name="tank/vol@s1",
            object=1,
            offset=0x2C8000,
            bytes=0x2D9C98,
            embedded=True,
            compressed=True,
        ),
    ),
}


@pytest.mark.parametrize(("text", "token"), REAL.values(), ids=REAL)
def test_tokens_of_real_zfs(text, token):
    """What real OpenZFS wrote is read as OpenZFS itself reads it, and ours packs the very same list."""
    assert decode(text) == token

    ours = encode(token)
    version, _, size, payload = text.split("-")
    our_version, _, our_size, our_payload = ours.split("-")
    assert (our_version, our_size) == (version, size)
    assert zlib.decompress(bytes.fromhex(our_payload)) == zlib.decompress(bytes.fromhex(payload))


@given(token=TOKENS)
def test_what_was_encoded_is_decoded(token):
    """A round trip changes nothing."""
    assert decode(encode(token)) == token


def test_a_checksum_that_does_not_fit_is_refused():
    """A changed digit in the payload or in the checksum is found."""
    text = encode(TOKEN)
    digit = "1" if text[-20] != "1" else "2"

    for damaged in (text[:-20] + digit + text[-19:], text.replace("1-", "1-1", 1)):
        with pytest.raises(TokenError, match="checksum"):
            decode(damaged)


@given(
    token=TOKENS,
    at=st.integers(0, 10_000),
    inserted=st.text("0123456789abcdef-xZ ", max_size=3),
    removed=st.integers(0, 3),
)
def test_damage_is_never_anything_but_a_token_error(token, at, inserted, removed):
    """However a token is changed, the outcome is a token or a TokenError."""
    text = encode(token)
    at %= len(text)
    with suppress(TokenError):
        decode(text[:at] + inserted + text[at + removed :])


@given(text=st.text() | st.from_regex(r"1-[0-9a-f]{1,16}-[0-9a-f]{1,16}-([0-9a-f]{2}){0,40}", fullmatch=True))
def test_no_text_raises_anything_else(text):
    """Made-up text is a TokenError."""
    with pytest.raises(TokenError, match="resume token"):
        decode(text)


@given(content=st.binary(max_size=300))
def test_no_content_raises_anything_else(content):
    """A forged token, with a right checksum around anything, is a TokenError."""
    with pytest.raises(TokenError, match="resume token"):
        decode(_token_of(content))


def test_a_bomb_is_not_inflated():
    """A small token that would grow beyond all measure is refused, whether or not it admits its size."""
    bomb = bytes(50_000_000)

    for size in (len(bomb), 100, 0):
        with pytest.raises(TokenError, match="claims"):
            decode(_token_of(bomb, size=size))


NUMBERED = {"object": 1, "offset": 2, "bytes": 3, "toguid": 4}
COMPLETE = {**NUMBERED, "toname": "tank/a@b"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "form"),
        ("-", "form"),
        ("1-0-0-", "form"),
        ("1-zz-0-00", "form"),
        ("1-0-0-000", "form"),
        (encode(TOKEN) + "\n", "form"),
        ("٣-0-0-00", "form"),
        ("2-0-0-00", "version 2"),
        ("1-1-0-00000000", "checksum"),
        ("1-0-8-00000000", "decompressed"),
        ("1-0-10001-00000000", "65537 bytes"),
        ("1-0-0-" + "00" * 4 * MAX_PACKED_BYTES, "characters long"),
        (_token_of(pack(COMPLETE), size=9), "9 bytes that it claims"),
        (_token_of(pack(COMPLETE) * 2, size=500), "500 bytes that it claims"),
        (_token_of(b"\1\1\0\0" + bytes(12)), "encoding 1"),
        (_token_of(pack(NUMBERED)), "no valid toname"),
        (_token_of(pack({**COMPLETE, "toname": ""})), "no valid toname"),
        (_token_of(pack({**COMPLETE, "toname": "a\x1b[2J"})), "no valid toname"),
        (_token_of(pack({**COMPLETE, "toname": 7})), "no valid toname"),
        *((_token_of(pack({**COMPLETE, name: "7"})), f"no valid {name}") for name in (*NUMBERED, "fromguid")),
        *((_token_of(pack({**COMPLETE, name: True})), f"no valid {name}") for name in NUMBERED),
        *((_token_of(pack({key: COMPLETE[key] for key in COMPLETE if key != name})), name) for name in NUMBERED),
    ],
)
def test_the_error_says_what_is_wrong(text, says):
    """Each kind of malformed token has its own words."""
    with pytest.raises(TokenError, match=says):
        decode(text)


def test_a_base_of_zero_is_none():
    """OpenZFS leaves the base of a full stream out, or has it 0."""
    assert decode(_token_of(pack({**COMPLETE, "fromguid": 0}))).from_guid is None
    assert decode(encode(replace(TOKEN, from_guid=None))).from_guid is None


@given(one=TOKENS, other=TOKENS)
def test_different_receives_have_different_tokens(one, other):
    """Nothing that a token says is lost in its text."""
    assume(one != other)

    assert encode(one) != encode(other)
