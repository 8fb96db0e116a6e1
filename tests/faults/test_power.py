"""Machines without power in the middle of a transfer."""

from __future__ import annotations

import pytest

from tests.faults import mishaps
from tests.faults.arena import Arena


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation


def test_power_cut_of_the_source(arena: Arena) -> None:
    """The source loses its power in mid-send: what arrived is kept, and the rest follows once it is back."""
    arena.flow()
    mishaps.power_cut_source(arena)
    arena.converge("power cut of the source")


def test_power_cut_of_the_backup_box(arena: Arena) -> None:
    """The backup box loses its power in mid-receive: after the boot the daemon goes on by itself."""
    arena.flow()
    mishaps.power_cut_backup(arena)
    arena.converge("power cut of the backup box")
