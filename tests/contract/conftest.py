"""Each scenario takes place in both worlds, so that what the in-memory pools imitate is pinned on real ZFS."""

import pytest

from tests.contract.memory_world import MemoryWorld
from tests.contract.real_world import RealWorld, prepare
from tests.lab.pools import fresh_pool


@pytest.fixture(scope="session")
def contract_pools(two_machines):
    """A pool on each machine, for all tests of the session: making one costs more than most tests."""
    source, backup = two_machines.source, two_machines.backup
    prepare(source, backup)
    with fresh_pool(source, size="3G") as tank, fresh_pool(backup, size="3G") as vault:
        yield tank, vault


@pytest.fixture
def memory_world():
    return MemoryWorld()


@pytest.fixture
async def real_world(two_machines, contract_pools, tmp_path):
    world = RealWorld(two_machines.source, two_machines.backup, contract_pools, tmp_path)
    yield world
    await world.aclose()


@pytest.fixture
async def real_pool_world(two_machines, contract_pools, tmp_path):
    """The real world with a pool of its own to pull from, the whole of it."""
    with fresh_pool(two_machines.source, size="1G") as pool:
        world = RealWorld(two_machines.source, two_machines.backup, (pool, contract_pools[1]), tmp_path)
        world.source_root = pool
        yield world
        await world.aclose()


@pytest.fixture
def memory_pool_world(memory_world):
    memory_world.source_root = "tank"
    return memory_world


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.lab, pytest.mark.timeout(300)])])
def pool_world(request):
    """Both worlds, where the source is a whole pool."""
    return request.getfixturevalue(f"{request.param}_pool_world")


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.lab, pytest.mark.timeout(300)])])
def world(request):
    """Both worlds, one after the other."""
    return request.getfixturevalue(f"{request.param}_world")
