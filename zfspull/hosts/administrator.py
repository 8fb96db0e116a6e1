"""Scripts run as an administrator, here or on a host, by a person's own means: `sh`, and the `ssh` of the system.

Only `setup` uses it. A host is entered with the person's own keys, agent or password, which zfspull never sees: ssh
asks on the terminal. The host key is the one that was just confirmed.
"""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path

from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.failures import describe_status
from zfspull.hosts.feeding import feed


_TIMEOUT_SECONDS = 300.0
"""A person may have to find a password first."""

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who runs shell lines, and where.

    Attributes:
        words: the ssh command that leads there; none to run them here, as who we are.
        sudo: whether the login has to become root first.
    """

    words: tuple[str, ...] = ()
    sudo: bool = False

    @classmethod
    def at(cls, login: str, port: int, known_hosts: Path, *, interactive: bool) -> Administrator:
        """An administrator's login `user@address`; one who is not root becomes it by sudo."""
        path = f'"{known_hosts}"' if " " in str(known_hosts) else str(known_hosts)
        options = [f"UserKnownHostsFile={path}", "StrictHostKeyChecking=yes", "LogLevel=ERROR"]
        if not interactive:
            options.append("BatchMode=yes")
        flags = [word for option in options for word in ("-o", option)]
        words = ("ssh", "-T", "-p", str(port), *flags, "--", login)
        return cls(words, sudo=login.partition("@")[0] != "root")

    def argv(self, line: str) -> list[str]:
        """The words that run a shell line there."""
        if self.sudo:
            line = f"sudo -n sh -c {shlex.quote(line)}"
        return [*self.words, line] if self.words else ["sh", "-c", line]

    async def run(self, line: str, data: bytes) -> str:
        """Run a shell line with `data` on its standard input, and return what it printed.

        Raises:
            PermanentError: it can't be started, or failed.
            TransientError: it takes too long.
        """
        argv = self.argv(line)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS), feed(argv, patience_seconds=1.0) as child:
                for start in range(0, len(data), _CHUNK_BYTES):
                    child.sink.write(data[start : start + _CHUNK_BYTES])
                    await child.sink.drain()
                ended = await child.finish()
        except TimeoutError as error:
            message = f"`{argv[0]}` did not end within {_TIMEOUT_SECONDS:.0f} s"
            raise TransientError(message, reason="timeout") from error
        if not ended.ok:
            raise PermanentError(
                f"`{argv[0]}` ended with {describe_status(ended.status)}: {ended.stderr.strip()}",
                hint="nothing after that was done; it may be run again, what is there is left as it is",
                reason="setup",
            )
        return ended.stderr
