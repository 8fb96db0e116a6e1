"""What runs a guest's instructions: the host's processor, through Linux for user mode or KVM, else an emulation of one.

User mode comes first: it works on most hosts, and so the same on all (``um_kernel.py``). ``ZFSPULL_LAB_ACCEL=kvm`` and
``tcg`` choose QEMU, with the very kernel that Debian ships.

``/dev/kvm`` proves nothing: there are machines where it exists and every guest hangs. So a real kernel is started under
it, with a time limit, and the answer is remembered until the host reboots or changes its kernel or QEMU.
"""

import logging
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import cache_root, digest, made
from tests.lab.emulator import emulator
from tests.lab.image import ACCELERATOR_VARIABLE, Image


log = logging.getLogger("zfspull.lab")

PROBE_SECONDS = 20.0  # a kernel that works under KVM gets through its start in two
PROOF = b"Attempted to kill init"  # what a kernel says whose first program ends: it has come all the way up


@dataclass(frozen=True)
class Accelerator:
    """How QEMU runs the guest's instructions.

    Attributes:
        name: ``uml``, ``kvm`` or ``tcg``.
        arguments: QEMU's, for the accelerator and the processor model.
        cpus: How many virtual processors a machine gets unless it asks for another number.
        most_cpus: How many it can have.
    """

    name: str
    arguments: tuple[str, ...]
    cpus: int
    most_cpus: int


UML = Accelerator("uml", (), cpus=1, most_cpus=1)
KVM = Accelerator("kvm", ("-accel", "kvm", "-cpu", "host"), cpus=2, most_cpus=8)
# One processor: that costs nothing where two machines share two cores, and an old QEMU is reliable with one only
# (emulator.py).
# A large translation buffer: with the default, a booting Linux with ZFS overflows it and is translated again and again.
TCG = Accelerator("tcg", ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"), cpus=1, most_cpus=8)


def choose(image: Image) -> Accelerator:
    """What runs the image's kernel on this host; ``$ZFSPULL_LAB_ACCEL`` (``kvm`` or ``tcg``) overrides the probe of KVM."""
    if image.user_mode:
        return UML
    wish = os.environ.get(ACCELERATOR_VARIABLE)
    if wish in {"kvm", "tcg"}:
        return {"kvm": KVM, "tcg": TCG}[wish]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # The boot id alone would do on one machine; caches are copied between machines and restored from images.
    key = digest([boot_id, platform.release(), str(emulator()), platform.node(), 1])
    answer = made("kvm", key, lambda fresh: _probe(image, fresh)) / "works"
    return KVM if answer.read_text() == "yes" else TCG


def known_answer() -> str:
    """What the last probe found, for ``lab status``."""
    answers = sorted((cache_root() / "kvm").glob("*/works"), key=lambda path: path.stat().st_mtime)
    return answers[-1].read_text() if answers else "not probed yet"


def _probe(image: Image, into: Path) -> None:
    """Start the image's kernel under KVM with nothing to do, and write ``yes`` or ``no``."""
    log.info("trying KVM with a real guest (at most %d seconds, once per boot)", PROBE_SECONDS)
    with tempfile.TemporaryFile() as console:
        command = [
            *emulator().command, *KVM.arguments, "-smp", "2", "-m", "512", "-display", "none", "-nodefaults",
            "-no-reboot", "-serial", "stdio", "-kernel", str(image.kernel), "-initrd", str(image.initrd),
            "-append", "console=ttyS0 panic=-1 rdinit=/bin/true",
        ]  # fmt: skip
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            child.wait(PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        console.seek(0)
        said = console.read()
    works = PROOF in said
    log.info("KVM %s", "works" if works else "does not work here: software emulation it is")
    (into / "works").write_text("yes" if works else "no")
    (into / "console.log").write_bytes(said)
