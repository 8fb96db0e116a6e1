"""A process that pulls one stream and tells, as JSON, what that cost: `python -m tests.functional.pull.puller SETTINGS`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from tests.functional.pull.bench import ChildTarget, Pull
from zfspull.hosts.login import Login
from zfspull.hosts.source import SshSource
from zfspull.hosts.ssh import Connection


class Strain:
    """Watches the event loop and the buffers while something runs.

    Attributes:
        longest_delay_seconds: how late the loop was at worst.
        backlog_bytes: the most that waited in channels' buffers and for the receiver.
    """

    def __init__(self, connection: Connection, pull: Pull) -> None:
        self._connection = connection
        self._pull = pull
        self.longest_delay_seconds = 0.0
        self.backlog_bytes = 0

    async def watch(self, every_seconds: float = 0.005) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(every_seconds)
            self.longest_delay_seconds = max(self.longest_delay_seconds, time.monotonic() - before - every_seconds)
            self.backlog_bytes = max(self.backlog_bytes, self._backlog())

    def _backlog(self) -> int:
        link, child = self._connection._link, self._pull.target.child
        channels = link.connected._channels.values() if link is not None else ()
        waiting = sum(len(data) for channel in channels for data, _ in channel._recv_buf)
        return waiting + (child.pending_bytes if child is not None else 0)


async def measure(connection: Connection, pull: Pull) -> dict[str, float]:
    """Carry the step out and tell what that cost."""
    strain = Strain(connection, pull)
    watching = asyncio.create_task(strain.watch())
    started = time.monotonic()
    try:
        await pull.step()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return {
        "moved_bytes": pull.tally.received["backup/a"],
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time(),
        "backlog_bytes": strain.backlog_bytes,
        "longest_delay_seconds": strain.longest_delay_seconds,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """The most memory that this process ever had; `ru_maxrss` would count its parent's from before the exec."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


async def main(settings: dict) -> None:
    login = settings["login"] | {name: Path(settings["login"][name]) for name in ("key", "known_hosts")}
    connection = Connection(Login(**login))
    pull = Pull(SshSource(connection, zfs=settings["zfs"]), ChildTarget(settings["sink"]))
    try:
        costs = await measure(connection, pull)
    finally:
        await connection.aclose()
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
