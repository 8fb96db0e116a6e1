"""A process that pulls streams at once by the code of the daemon, and tells as JSON what that cost.

`python -m benchmarks.puller SETTINGS`, of which `login` is that of `hosts.login`, `zfs` and `sink` are the commands
that stand in for `zfs send` there and `zfs receive` here, and `streams` is how many run at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.functional.pull.bench import ChildTarget, Pull
from zfspull.hosts.login import Login
from zfspull.hosts.source import SshSource
from zfspull.hosts.ssh import Connection


_PROBE_SECONDS = 0.005


async def measure(login: Login, zfs: tuple[str, ...], sink: tuple[str, ...], streams: int) -> dict[str, float]:
    """Pull that many streams at once, logging in first, and tell what that cost."""
    connection = Connection(login)
    pulls = [Pull(SshSource(connection, zfs=zfs), ChildTarget(sink)) for _ in range(streams)]
    delay = _Delay()
    watching = asyncio.create_task(delay.watch())
    started, cpu = time.monotonic(), _cpu_seconds()
    try:
        await asyncio.gather(*(pull.step() for pull in pulls))
        seconds = time.monotonic() - started
    finally:
        watching.cancel()
        await connection.aclose()
    return {
        "bytes": sum(pull.tally.received["backup/a"] for pull in pulls),
        "seconds": seconds,
        "cpu_seconds": _cpu_seconds() - cpu,
        "delay_seconds": delay.worst_seconds,
        "peak_bytes": peak_bytes(),
    }


class _Delay:
    """How late the event loop is at worst."""

    def __init__(self) -> None:
        self.worst_seconds = 0.0

    async def watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_PROBE_SECONDS)
            self.worst_seconds = max(self.worst_seconds, time.monotonic() - before - _PROBE_SECONDS)


def _cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_bytes() -> int:
    """The most memory that this process ever had; `ru_maxrss` would count its parent's from before the exec."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def main(settings: Mapping[str, Any]) -> None:
    """Print what the streams cost."""
    login = settings["login"] | {name: Path(settings["login"][name]) for name in ("key", "known_hosts")}
    costs = asyncio.run(
        measure(Login(**login), tuple(settings["zfs"]), tuple(settings["sink"]), int(settings["streams"]))
    )
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
