"""A toy cipher, so that ciphertext in memory can be told from plain bytes. It keeps nothing secret from anybody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


def seal(key: bytes, nonce: int, data: bytes, offset: int = 0) -> bytes:
    """Encrypt, or decrypt, `data` that begins `offset` bytes into its blob."""
    stream = hashlib.shake_256(key + nonce.to_bytes(8, "big")).digest(offset + len(data))[offset:]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A dataset's master key as it is stored and sent raw: useless without the passphrase.

    Attributes:
        guid: identity of the master key, the same on every raw replica.
        wrapped: the master key under the passphrase.
    """

    guid: int
    wrapped: bytes

    @classmethod
    def wrap(cls, master: bytes, passphrase: str) -> WrappedKey:
        """Put `master` under `passphrase`."""
        return cls(_guid(master), seal(passphrase.encode(), 0, master))

    def unwrap(self, passphrase: str) -> bytes | None:
        """The master key; None if the passphrase is wrong."""
        master = seal(passphrase.encode(), 0, self.wrapped)
        return master if _guid(master) == self.guid else None


def _guid(master: bytes) -> int:
    return int.from_bytes(hashlib.sha256(master).digest()[:7], "big")
