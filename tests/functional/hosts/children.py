"""Local processes that stand in for `zfs recv`, as argument lists."""

from __future__ import annotations

import os
import sys


_PYTHON = (sys.executable, "-I", "-S", "-c")

SWALLOW = ("sh", "-c", "cat >/dev/null")
IGNORES_SIGTERM = ("sh", "-c", "trap '' TERM; echo deaf >&2; while :; do sleep 0.05; done")
READS_NOTHING = ("sleep", "300")

_COUNT = """
import os, sys
size = 0
while data := os.read(0, 1 << 18):
    size += len(data)
with open(sys.argv[1], "w") as file:
    file.write(f"eof after {size}")
"""

_SLOW = """
import os, sys, time
rate, size, start = float(sys.argv[1]), 0, time.monotonic()
while data := os.read(0, 1 << 18):
    size += len(data)
    if (ahead := size / rate - (time.monotonic() - start)) > 0:
        time.sleep(ahead)
"""

_DIES = """
import os, sys
size, left = 0, int(sys.argv[1])
while left > 0 and (data := os.read(0, min(left, 1 << 18))):
    left -= len(data)
sys.stderr.write(sys.argv[2])
sys.stderr.flush()
status = int(sys.argv[3])
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def counts(report) -> tuple[str, ...]:
    """Takes everything, and once it has seen the end of the stream writes into `report` how much that was."""
    return (*_PYTHON, _COUNT, str(report))


def slow(bytes_per_second: float) -> tuple[str, ...]:
    """Takes everything, no faster than so."""
    return (*_PYTHON, _SLOW, str(bytes_per_second))


def dies(*, after_bytes: int, text: str, status: int) -> tuple[str, ...]:
    """Takes so much, says `text` and ends; with a negative status by that signal."""
    return (*_PYTHON, _DIES, str(after_bytes), text, str(status))


def is_gone(pid: int) -> bool:
    """Whether the process has ended and was reaped: a zombie is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
