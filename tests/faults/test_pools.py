"""Pools that are full, limited, suspended or away in the middle of a transfer."""

from __future__ import annotations

import pytest

from tests.faults import mishaps
from tests.faults.arena import Arena


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation


def test_target_pool_full(arena: Arena) -> None:
    """A full target pool is reported as such, keeps what arrived, and is pulled to again once there is room."""
    arena.flow()
    mishaps.fill_pool(arena)
    arena.converge("target pool full, then freed")


def test_quota(arena: Arena) -> None:
    """A quota on the target stops the pull with its name, and costs nothing more once it is lifted."""
    arena.flow()
    mishaps.quota(arena)
    arena.converge("quota, then lifted")


def test_source_pool_exported(arena: Arena) -> None:
    """A source pool that is exported in mid-send is nothing lost: when it is imported again the pull goes on."""
    arena.flow()
    mishaps.export_source(arena)
    arena.converge("source pool exported, then imported")
