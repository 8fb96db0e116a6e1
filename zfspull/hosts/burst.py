"""The way of a stream's bytes through asyncssh, shortened: data packets that arrived together are taken in one go.

By itself asyncssh cuts each packet off what has arrived, which copies all the rest twice per packet, and takes it apart
in many steps; ciphers are the least of it (the profile stands in docs/performance.md). Here the data packets in front
are gone through in place, and what has arrived is cut once. Everything else, from the handshake and every other packet
to windows, pausing and errors, stays asyncssh's, and so does all state: a packet is wholly handled here, or untouched.

This knows names that are private to asyncssh. Should one be missing in a later version, or the cipher be another than
AES-GCM, nothing is shortened and all works as before; a test tells which it is.
"""

# ruff: noqa: SLF001, ANN401 - what is private has no types either
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncssh
from asyncssh.encryption import GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


_DATA = 94
"""SSH_MSG_CHANNEL_DATA of RFC 4254."""
_LENGTH_BYTES = 4
_TAG_BYTES = 16
_DATA_AT = 10
"""Decrypted, a data packet is: length of its padding (1 byte), type (1), channel (4), length (4), data, padding."""
_PRIVATE = (
    "_channels",
    "_decompressor",
    "_inpbuf",
    "_max_recv_pktlen",
    "_recv_encryption",
    "_recv_handler",
    "_recv_pkthdr",
    "_recv_seq",
)
_PRIVATE_OF_CIPHER = ("_key", "_iv", "_update_iv")


def shorten(connection: asyncssh.SSHClientConnection) -> bool:
    """Shorten the way of a connection that is logged in; returns whether that could be done."""
    private: Any = connection
    if not all(hasattr(private, name) for name in _PRIVATE):
        return False
    cipher = getattr(private._recv_encryption, "_cipher", None)
    if not all(hasattr(cipher, name) for name in _PRIVATE_OF_CIPHER) or not hasattr(
        asyncssh.SSHClientChannel, "_accept_data"
    ):
        return False
    whole_way = private._recv_pkthdr
    burst = _Burst(private, whole_way)
    private._recv_pkthdr = burst.receive
    if private._recv_handler == whole_way:
        private._recv_handler = burst.receive
    return True


class _Burst:
    """Stands where asyncssh begins to read a packet, which is what `whole_way` does."""

    def __init__(self, connection: Any, whole_way: Any) -> None:
        self._connection = connection
        self._whole_way = whole_way
        self._key = b""
        self._gcm: AESGCM | None = None

    def receive(self) -> bool:
        """Take the data packets in front; if another one follows, asyncssh takes that. False if more has to arrive."""
        connection = self._connection
        if not isinstance(connection._recv_encryption, GCMEncryption) or connection._decompressor is not None:
            return bool(self._whole_way())
        arrived: bytes = connection._inpbuf
        taken: dict[Any, list[memoryview]] = {}
        end, follows = self._take(arrived, taken)
        if end:
            connection._inpbuf = arrived[end:]
        for channel, data in taken.items():
            channel._accept_data(b"".join(data))
        # Of a packet that is not there as a whole nothing is read yet, so that it can be taken here once it is.
        return follows and bool(self._whole_way())

    def _take(self, arrived: bytes, taken: dict[Any, list[memoryview]]) -> tuple[int, bool]:
        """Put what the data packets in front contain into `taken`, by channel.

        Returns:
            How far they reach, and whether one follows that is for asyncssh, which also says what is wrong with it.
        """
        connection = self._connection
        cipher = connection._recv_encryption._cipher
        gcm = self._gcm_of(cipher._key)
        view = memoryview(arrived)
        at = 0
        while (body := at + _LENGTH_BYTES) <= len(arrived):
            length = int.from_bytes(view[at:body])
            end = body + length + _TAG_BYTES
            if not _DATA_AT <= length <= connection._max_recv_pktlen:
                return at, True
            if end > len(arrived):
                return at, False
            try:
                packet = gcm.decrypt(cipher._iv, view[body:end], view[at:body])
            except InvalidTag:
                return at, True
            channel = connection._channels.get(int.from_bytes(packet[2:6])) if packet[1] == _DATA else None
            data = memoryview(packet)[_DATA_AT : len(packet) - packet[0]]
            if channel is None or not _may_have(channel, data, int.from_bytes(packet[6:_DATA_AT]), taken):
                return at, True
            taken.setdefault(channel, []).append(data)
            cipher._update_iv()
            connection._recv_seq = (connection._recv_seq + 1) & 0xFFFFFFFF
            at = end
        return at, False

    def _gcm_of(self, key: bytes) -> AESGCM:
        if self._gcm is None or key != self._key:  # a new one after each exchange of keys
            self._key, self._gcm = key, AESGCM(key)
        return self._gcm


def _may_have(channel: Any, data: memoryview, size: int, taken: Mapping[Any, Sequence[memoryview]]) -> bool:
    """Whether the channel is open, has room for the data, and the data is as long as the packet says."""
    before = sum(map(len, taken.get(channel, ())))
    return len(data) == size and channel._recv_state == "open" and before + size <= channel._recv_window
