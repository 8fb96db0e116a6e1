"""Linux for user mode: taken where it works, and told from what does not."""

from pathlib import Path

import pytest

from tests.lab import mconsole, um_kernel
from tests.lab.accel import UML, choose
from tests.lab.host import LabError
from tests.lab.image import ACCELERATOR_VARIABLE, find_image
from tests.lab.machine import Machine


def test_what_does_not_start_does_not_work() -> None:
    """A program that ends before a kernel would have come up is no kernel for this host."""
    assert not um_kernel.works(Path("/bin/true"))


def test_it_is_chosen_unless_another_is_asked_for(lab_machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image for user mode is run as that; who asks for QEMU gets an image with Debian's own kernel, or none yet."""
    if lab_machine.image.user_mode:
        assert choose(lab_machine.image) == UML
        assert lab_machine.accelerator == "uml"
    monkeypatch.setenv(ACCELERATOR_VARIABLE, "tcg")
    other = find_image()
    assert other is None or not other.user_mode


def test_a_kernel_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A control socket that nobody listens on is an error that says what was asked."""
    with pytest.raises(LabError, match=r"does not answer 'version'"):
        mconsole.ask(tmp_path / "mconsole", "version")


def test_a_refusal_is_told(lab_machine: Machine) -> None:
    """What the kernel does not do is an error in its own words."""
    control = lab_machine.ssh_config.parent / lab_machine.name / "mconsole"
    if lab_machine.accelerator == "uml":
        assert mconsole.ask(control, "version").startswith("Linux")
        with pytest.raises(LabError, match="refused 'config ubd0=/dev/null'"):
            mconsole.ask(control, "config ubd0=/dev/null")
