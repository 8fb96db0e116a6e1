"""The lab for pytest: load it with ``pytest_plugins = ["tests.lab.fixtures"]``.

One pair of machines serves the whole session, and each is booted when the first test asks for it. Tests keep apart by
pools of their own (``make_pool``). A test that uses any of these fixtures is marked ``lab``; ``-m "not lab"`` leaves it
out. Where the lab cannot work, such tests fail with what to do about it: a silent skip would look like success.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from tests.lab.host import LabError, ensure_packages
from tests.lab.image import ensure_image
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.pools import fresh_pool
from tests.lab.saved import ensure_saved
from tests.lab.shape import Shape


log = logging.getLogger("zfspull.lab")

LAB_FIXTURES = {"lab", "lab_machine", "two_machines", "make_pool", "source_zfs", "backup_zfs"}
LONGEST = ("tests/faults/", "tests/e2e/", "tests/contract/")
TIMEOUT_SECONDS = 900  # of one lab test: a reboot takes 20 s on an idle host and 100 on one with three other test runs
_failure = pytest.StashKey[str]()


@dataclass(frozen=True)
class TwoMachines:
    """The session's pair, on a private link.

    Attributes:
        lab: The lab they belong to.
        source: 10.77.0.1, which is pulled from.
        backup: 10.77.0.2, which pulls.
    """

    lab: Lab
    source: Machine
    backup: Machine


class MakePool(Protocol):
    """Makes a pool for one test; see ``fresh_pool``."""

    def __call__(self, machine: Machine, *, name: str | None = None, size: str = "1G", vdev: str | None = None) -> str:
        """Return the name of the fresh pool."""
        ...


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the lab, so that ``-m "not lab"`` leaves it out, and give it time; what takes longest comes first."""
    for item in items:
        if LAB_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))
    # Else one worker is left with the faults when the others have nothing more to do.
    items.sort(
        key=lambda item: next((n for n, room in enumerate(LONGEST) if item.nodeid.startswith(room)), len(LONGEST))
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, since no test's time limit would allow for it."""
    if session.config.option.collectonly or not any(item.get_closest_marker("lab") for item in session.items):
        return
    handler = logging.StreamHandler(
        sys.stderr
    )  # pytest captures nothing at this point; minutes without a word look like a hang
    handler.setFormatter(logging.Formatter("lab: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        _prepare()
        _stay_on_one_processor(session.config)
    except LabError as error:
        session.config.stash[_failure] = str(error)
    finally:
        log.removeHandler(handler)


def _prepare() -> None:
    ensure_packages()
    image = ensure_image()
    ensure_saved(Shape.of(image))


def _stay_on_one_processor(config: pytest.Config) -> None:
    """Keep each of several workers, with its machines, to a processor of its own.

    Of a worker's machines one is at work at a time; left to chance, those of two workers would be on the same processor.
    """
    worker: dict[str, object] = getattr(config, "workerinput", {})
    processors = sorted(os.sched_getaffinity(0))
    if worker and int(str(worker["workercount"])) >= len(processors):
        number = int(str(worker["workerid"]).removeprefix("gw"))
        os.sched_setaffinity(0, {processors[number % len(processors)]})


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The session's lab with ``source`` and ``backup``, both still off."""
    failure = request.config.stash.get(_failure, None)
    if failure:
        pytest.fail(f"the lab does not work here (leave its tests out with: -m 'not lab'): {failure}", pytrace=False)
    with Lab() as made:
        made.machine("source")
        made.machine("backup")
        yield made


@pytest.fixture(scope="session")
def lab_machine(lab: Lab) -> Machine:
    """One ready machine: the pair's ``backup``."""
    machine = lab.machines["backup"]
    if not machine.running:
        lab.boot(machine)
    return machine


@pytest.fixture(scope="session")
def two_machines(lab: Lab) -> TwoMachines:
    """The ready pair."""
    lab.boot()
    return TwoMachines(lab, lab.machines["source"], lab.machines["backup"])


@pytest.fixture(scope="session")
def source_zfs(two_machines: TwoMachines) -> Path:
    """An executable of the host that is ``zfs`` on the source."""
    return two_machines.source.wrapper("zfs")


@pytest.fixture(scope="session")
def backup_zfs(lab_machine: Machine) -> Path:
    """An executable of the host that is ``zfs`` on the backup box."""
    return lab_machine.wrapper("zfs")


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    """Makes pools that are destroyed after the test."""
    used = set()
    with ExitStack() as pools:

        def make(machine: Machine, *, name: str | None = None, size: str = "1G", vdev: str | None = None) -> str:
            used.add(machine)
            return pools.enter_context(fresh_pool(machine, name=name, size=size, vdev=vdev))

        yield make
        for machine in used:
            machine.mend()  # the test may have left it without power


@pytest.fixture(autouse=True)
def _lab_left_in_order(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that cut a link or a machine's power, the next one finds both in order."""
    if "lab" not in request.fixturenames:
        yield
        return
    made: Lab = request.getfixturevalue("lab")
    yield
    for machine in made.machines.values():
        machine.mend()
