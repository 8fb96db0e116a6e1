"""The way of a stream's bytes through asyncssh, shortened: data packets that arrived together are taken in one go.

By itself asyncssh cuts each packet off what has arrived, which copies all the rest twice per packet, and takes it apart
in many steps; ciphers are the least of it (the profile stands in docs/performance.md). Here what arrives is read into
one buffer, and the data packets in front are gone through in place. Everything else, from the handshake and every other
packet to windows, pausing and errors, stays asyncssh's, and so does all state: a packet is wholly handled here, or
handed over untouched.

This knows names that are private to asyncssh. Should one be missing in a later version, or the cipher be another than
AES-GCM, nothing is shortened and all works as before; a test tells which it is.
"""

# ruff: noqa: SLF001, ANN401 - what is private has no types either
from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
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
_BURST_BYTES = 1 << 20
"""As much is read at once, and always more than one packet may have."""
_SIGNS_PER_INTERVAL = 4
"""How often in a keepalive interval the timer is set anew at most: thousands of reads a second need not each pay it."""
_PRIVATE = (
    "_channels",
    "_decompressor",
    "_inpbuf",
    "_keepalive_interval",
    "_max_recv_pktlen",
    "_recv_encryption",
    "_recv_handler",
    "_recv_pkthdr",
    "_recv_seq",
    "_reset_keepalive_timer",
    "_transport",
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
    _Burst(private).stand_in_front()
    return True


@dataclass(slots=True)
class _Share:
    """What one channel has of a burst, and for how much more it has room."""

    channel: Any
    room: int
    data: list[memoryview] = field(default_factory=list)


class _Burst(asyncio.BufferedProtocol):
    """Stands between the socket and asyncssh, and where asyncssh begins to read a packet.

    What has arrived lies here as long as asyncssh is between two packets; in the midst of one, asyncssh is given all.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._whole_way = connection._recv_pkthdr
        self._view = memoryview(bytearray(max(_BURST_BYTES, 2 * connection._max_recv_pktlen)))
        self._end = 0
        self._at_socket = False
        self._key = b""
        self._gcm: AESGCM | None = None
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()

    def stand_in_front(self) -> None:
        """Take both places. Over a jump host there is no socket: then it is only where a packet begins."""
        connection = self._connection
        connection._recv_pkthdr = self.next_packet
        if connection._recv_handler == self._whole_way:
            connection._recv_handler = self.next_packet
        transport = connection._transport
        if isinstance(transport, asyncio.Transport) and transport.get_extra_info("socket") is not None:
            self._at_socket = True
            transport.set_protocol(self)

    # What the loop calls.

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what arrives."""
        del sizehint
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """So much has arrived."""
        self._end += nbytes
        self._is_alive()
        if self._connection._inpbuf or self._connection._recv_handler != self.next_packet:
            self._hand_over(0)
            return
        end, follows = self._pass_on(self._view[: self._end])
        if follows:
            self._hand_over(end)
        else:
            self._keep(self._view[end : self._end])

    def eof_received(self) -> None:
        """The host sends no more."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._connection.connection_lost(exc)

    # What asyncssh calls.

    def next_packet(self) -> bool:
        """Take the data packets in front; if another one follows, asyncssh takes that. False if more has to arrive."""
        connection = self._connection
        arrived: bytes = connection._inpbuf
        end, follows = self._pass_on(memoryview(arrived))
        connection._inpbuf = arrived[end:]
        if follows:
            return bool(self._whole_way())
        # Of a packet that is not there as a whole nothing is read yet, so that it can be taken here once it is.
        if self._at_socket:
            self._keep(memoryview(connection._inpbuf))
            connection._inpbuf = b""
        return False

    def _is_alive(self) -> None:
        """Set the timer of the keepalives anew, as asyncssh does for all that it is given.

        On a slow link the answer to a keepalive comes behind all the data that is on its way, and would come too late.
        """
        now = self._loop.time()
        if now - self._alive_at >= self._connection._keepalive_interval / _SIGNS_PER_INTERVAL:
            self._alive_at = now
            self._connection._reset_keepalive_timer()

    def _hand_over(self, start: int) -> None:
        rest, self._end = bytes(self._view[start : self._end]), 0
        self._connection.data_received(rest)

    def _keep(self, rest: memoryview) -> None:
        self._end = len(rest)
        self._view[: self._end] = rest

    def _pass_on(self, arrived: memoryview) -> tuple[int, bool]:
        """Give the channels what the data packets in front contain.

        Returns:
            How far they reach, and whether one follows that is for asyncssh, which also says what is wrong with it.
        """
        connection = self._connection
        if not isinstance(connection._recv_encryption, GCMEncryption) or connection._decompressor is not None:
            return 0, True
        taken: dict[int, _Share] = {}
        end, follows = self._take(arrived, taken)
        for share in taken.values():
            share.channel._accept_data(b"".join(share.data))
        return end, follows

    def _take(self, arrived: memoryview, taken: dict[int, _Share]) -> tuple[int, bool]:
        """Put what the data packets in front contain into `taken`, by channel; returns as `_pass_on` does."""
        connection = self._connection
        cipher = connection._recv_encryption._cipher
        gcm = self._gcm_of(cipher._key)
        at = 0
        while (body := at + _LENGTH_BYTES) <= len(arrived):
            length = int.from_bytes(arrived[at:body])
            end = body + length + _TAG_BYTES
            if not _DATA_AT <= length <= connection._max_recv_pktlen:
                return at, True
            if end > len(arrived):
                return at, False
            try:
                packet = gcm.decrypt(cipher._iv, arrived[body:end], arrived[at:body])
            except InvalidTag:
                return at, True
            if packet[1] != _DATA or (share := self._share_of(int.from_bytes(packet[2:6]), taken)) is None:
                return at, True
            data = memoryview(packet)[_DATA_AT : length - packet[0]]
            share.room -= len(data)
            if share.room < 0 or len(data) != int.from_bytes(packet[6:_DATA_AT]):
                return at, True
            share.data.append(data)
            cipher._update_iv()
            connection._recv_seq = (connection._recv_seq + 1) & 0xFFFFFFFF
            at = end
        return at, False

    def _share_of(self, number: int, taken: dict[int, _Share]) -> _Share | None:
        """What the channel of that number has of this burst; None if it is not open."""
        share = taken.get(number)
        if share is None:
            channel = self._connection._channels.get(number)
            if channel is None or channel._recv_state != "open":
                return None
            share = taken[number] = _Share(channel, channel._recv_window)
        return share

    def _gcm_of(self, key: bytes) -> AESGCM:
        if self._gcm is None or key != self._key:  # a new one after each exchange of keys
            self._key, self._gcm = key, AESGCM(key)
        return self._gcm
