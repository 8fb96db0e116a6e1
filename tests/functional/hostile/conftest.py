import logging

import pytest
import structlog

from tests.contract.actions import Create, Snapshot, Write
from tests.functional.hostile.liar import HostileWorld
from tests.functional.hosts.fixtures import _nothing_left_behind, ssh_host


__all__ = ["_nothing_left_behind", "ssh_host"]


@pytest.fixture(autouse=True)
def _logging_as_before():
    """Logging is global: leave it as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def world(ssh_host):
    """A replica of two datasets with two snapshots each; on the source there is a third one by now."""
    world = HostileWorld(ssh_host)
    await world.on_source(Create(""), Create("a"))
    for name in ("one", "two"):
        await world.on_source(Write(""), Write("a"), Snapshot("", name, recursive=True))
    await world.run()
    await world.on_source(Write(""), Write("a"), Snapshot("", "three", recursive=True))
    return world
