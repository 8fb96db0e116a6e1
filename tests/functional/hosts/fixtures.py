"""Fixtures of the functional tests of `hosts` and `pull`; their conftest modules import them."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.functional.hosts.proxy import Proxy
from tests.functional.hosts.sshhost import FakeHost


@pytest.fixture(autouse=True)
async def _nothing_left_behind():
    """Every test leaves no task behind; what it left unclosed is a ResourceWarning, and those are errors."""
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(5):
        while left := [task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()]:
            await asyncio.wait(left)
    gc.collect()


@pytest.fixture
async def ssh_host(tmp_path, _nothing_left_behind):
    """A running `FakeHost`."""
    host = FakeHost(tmp_path)
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
async def proxy(ssh_host):
    """A way to `ssh_host` that can turn into a black hole."""
    way = Proxy(ssh_host.port)
    await way.start()
    yield way
    await way.stop()
