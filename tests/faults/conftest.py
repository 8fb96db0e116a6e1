"""One arena for all tests of faults: each finds it as the one before has left it, or a new one if that was in ruins."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.faults.arena import Arena
from tests.lab.fixtures import TwoMachines
from tests.lab.site import Site


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember with the test whether it failed, for the fixture that cleans up after it."""
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


class Stage:
    """Where the arena stands.

    Args:
        site: zfspull on the backup box; installed already.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._arena: Arena | None = None

    def ready(self) -> Arena:
        """The arena with the daemon at work and both sides equal."""
        if self._arena is None or not self._arena.sound:
            self.clear()
            self._arena = Arena(self._site)
            self._arena.build()
            self._arena.run()
            self._arena.converge()
        return self._arena

    def resume(self) -> None:
        """The daemon is at work again, after whatever others did with it; if there was one."""
        if self._arena is not None:
            self._arena.run()
            self._arena.converge()

    def pause(self) -> None:
        """The daemon stops, for others come on."""
        self._site.stop()
        self._site.backup.run("systemctl disable -q zfspull", check=False)  # a power cut wanted it enabled

    def clear(self) -> None:
        """Take all of it away."""
        if self._arena is not None:
            self._arena.mend()
            self._arena.remove()
            self._arena = None


@pytest.fixture(scope="session")
def built(two_machines: TwoMachines) -> Iterator[Stage]:
    """The stage, set up once."""
    site = Site(two_machines.source, two_machines.backup)
    site.install()
    stage = Stage(site)
    yield stage
    stage.clear()


@pytest.fixture(scope="package")
def stage(built: Stage) -> Iterator[Stage]:
    """The stage while tests of faults follow each other; others use the machines in between."""
    built.resume()
    yield built
    built.pause()


@pytest.fixture
def arena(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """The arena, whatever the test before did to it."""
    arena = stage.ready()
    arena.site.turn_page()
    yield arena
    arena.mend()
    if request.node.stash.get(_failed, False):
        arena.site.log_page()
        arena.sound = False  # it may have ended anywhere, with the daemon stopped for one
