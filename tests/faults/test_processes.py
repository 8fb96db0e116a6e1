"""Processes killed in the middle of a transfer."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults import mishaps
from tests.faults.arena import Arena


STREAMS = 2
LOST_BYTES = 7 << 18
"""With each receive that is killed: its pipe of 1 MiB, and what it had read and not written."""

pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation


def test_kill_the_daemon(arena: Arena) -> None:
    """The daemon killed three times at random moments of its work goes on each time, without sending all again."""
    arena.flow()
    for _ in range(3):
        mishaps.kill_daemon(arena)
        time.sleep(random.uniform(0.5, 5))
    arena.converge("kill -9 of the daemon, 3 times")


def test_kill_receive(arena: Arena) -> None:
    """A receive that is killed is resumed within the run."""
    arena.flow()
    mishaps.kill_receive(arena)
    figures = arena.converge("kill -9 of zfs receive")
    assert figures.received_bytes < figures.loaded_bytes + STREAMS * LOST_BYTES


def test_kill_send(arena: Arena) -> None:
    """A send that is killed is resumed within the run."""
    arena.flow()
    mishaps.kill_send(arena)
    figures = arena.converge("kill -9 of zfs send")
    assert figures.received_bytes < 1.25 * figures.loaded_bytes


def test_kill_sshd(arena: Arena) -> None:
    """A connection whose sshd is killed is made anew, and the transfer resumed."""
    arena.flow()
    mishaps.kill_sshd(arena)
    figures = arena.converge("kill -9 of sshd")
    assert figures.received_bytes < 1.25 * figures.loaded_bytes
