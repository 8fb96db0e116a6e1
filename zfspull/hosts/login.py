"""How to log in to a host, and what is told of it where that, or anything after it, goes wrong.

Errors of asyncssh and of the system leave as ours, raised from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from zfspull.errors import PermanentError, TransientError, ZfspullError


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to reach and log in to one host; durations in seconds."""

    host: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    connect_timeout_seconds: float
    keepalive_interval_seconds: float

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The boundary: asyncssh's errors and the system's become ours, with the host's name."""
        try:
            yield
        except ZfspullError as error:
            error.host = self.host
            raise
        except asyncssh.PermissionDenied as error:
            raise self.permanent(
                f"{self.user}@{self.address} refused the login: {error.reason}",
                f"put the public half of {self.key} into authorized_keys there",
                "authentication",
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise self.permanent(
                f"the host key of {self.address} is not the one in {self.known_hosts}: {error.reason}",
                "compare its fingerprint on the host itself; then put it into that file",
                "host_key",
            ) from error
        except (asyncssh.KeyExchangeFailed, asyncssh.IllegalUserName, ValueError) as error:
            # asyncssh raises ValueErrors for what it can't read in the files of keys and of known hosts.
            raise self.permanent(f"cannot log in: {error}", "see `key` and `user` of the host", "login") from error
        except TimeoutError as error:
            raise self.transient(f"no answer within {self.connect_timeout_seconds:.0f} s", "timeout") from error
        except asyncssh.Error as error:
            raise self.transient(f"SSH failed: {error}", "connection_lost") from error
        except OSError as error:
            raise self.transient(f"cannot connect: {error}", "unreachable") from error

    def permanent(self, message: str, hint: str, reason: str) -> PermanentError:
        """An error that stays until a person does something."""
        return PermanentError(message, hint=hint, host=self.host, reason=reason)

    def transient(self, message: str, reason: str) -> TransientError:
        """An error that may have gone by the next time."""
        where = f"{self.address} port {self.port}"
        return TransientError(
            f"{where}: {message}", hint="is the host up, and the way to it?", host=self.host, reason=reason
        )
