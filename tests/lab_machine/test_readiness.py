"""When a boot counts as over, and what happens when it ends badly."""

from pathlib import Path
from typing import cast

import pytest

from tests.lab.guest import READY_MARK
from tests.lab.qemu import Qemu
from tests.lab.readiness import BOOT_ATTEMPTS, PanicError, power_on


class FakeQemu:
    """A QEMU whose boots say what they are told to say; only one that becomes ready keeps running."""

    def __init__(self, directory: Path, boots: list[str]) -> None:
        self.name = "fake"
        self.console_path = directory / "console"
        self.boots = boots
        self.running = False

    def start(self) -> None:
        said = self.boots.pop(0)
        with self.console_path.open("a") as console:
            console.write(said)
        self.running = READY_MARK in said

    def kill(self) -> None:
        self.running = False

    def log_tail(self) -> str:
        return "nothing"


def test_panicked_boot_is_tried_again(tmp_path: Path) -> None:
    """A boot that ends in a kernel panic is followed by another, and what an earlier boot said does not count for it."""
    fake = FakeQemu(tmp_path, ["Kernel panic - not syncing", f"Linux\n{READY_MARK}\n"])
    power_on(cast("Qemu", fake))
    assert fake.running
    fake.boots = ["Kernel panic - not syncing"] * BOOT_ATTEMPTS
    with pytest.raises(PanicError, match="Kernel panic - not syncing"):
        power_on(cast("Qemu", fake))
    assert fake.boots == []
