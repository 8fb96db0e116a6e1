"""The QEMU that runs the machines: the host's own, or a current one unpacked beside it where that one is slow.

Under the emulation of QEMU 7.2, which Debian 12 brings, a guest starts a process three times more slowly than under
10.0 (200 times `/bin/true`: 6.7 s and 1.9 s), and the lab's tests are processes for the most part. So there the packages
of Debian's backports are fetched, checked against Debian's signature by apt, and unpacked into the cache; the host's own
packages stay as they are, and lend their libraries.
"""

import logging
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.lab.cache import digest, made
from tests.lab.host import LabError, run_host
from tests.lab.packages import unpack


log = logging.getLogger("zfspull.lab")

_PROGRAM = "qemu-system-x86_64"
_OLDEST = (7, 2)  # the first with -netdev dgram, the private link that survives a restart of either end
# The first that doesn't run stale breakpoints with two processors while the guest's kernel patches its own code: before,
# one boot in twenty panics with "Oops: int3" (Red Hat bug 2216496; LKML, July 2023, "qemu-x86_64 booting with 8.0.0
# still see int3").
_CURRENT = (8, 1)

_BACKPORTS = {"bookworm": "bookworm-backports"}  # release -> where it finds a current QEMU
_PACKAGES = ("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios")
_FIRMWARE = ("usr/share/qemu", "usr/share/seabios")


@dataclass(frozen=True)
class Emulator:
    """A QEMU.

    Attributes:
        command: starts it; arguments follow.
        version: such as `(7, 2, 22)`.
    """

    command: tuple[str, ...]
    version: tuple[int, int, int]

    def __str__(self) -> str:
        """The version, such as `7.2.22`."""
        return ".".join(map(str, self.version))

    @property
    def is_current(self) -> bool:
        """Whether it emulates several processors reliably."""
        return self.version >= _CURRENT


@cache
def emulator() -> Emulator:
    """The QEMU to use here; fetched first if need be (20 MB, once).

    Raises:
        LabError: The host's own is older than the lab needs, and there is no other.
    """
    own = _asked((_PROGRAM,))
    suite = _BACKPORTS.get(platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    if not own.is_current and suite:
        try:
            return _beside(suite)
        except LabError as error:
            log.warning("going on with QEMU %s, the slower one: that of %s can't be had: %s", own, suite, error)
    if own.version < _OLDEST:
        raise LabError(f"QEMU {own} is too old: the lab needs 7.2 or newer (Debian 12, Ubuntu 24.04)")
    return own


def _beside(suite: str) -> Emulator:
    root = made("qemu", digest([suite, _PACKAGES, 1]), lambda fresh: _unpack(suite, fresh))
    firmware = [argument for directory in _FIRMWARE for argument in ("-L", str(root / directory))]
    return _asked((str(root / "usr/bin" / _PROGRAM), *firmware))


def _unpack(suite: str, into: Path) -> None:
    log.info("fetching a current QEMU of Debian's %s", suite)
    unpack(suite, _PACKAGES, into)
    _asked((str(into / "usr/bin" / _PROGRAM),))  # a library that the host lacks shows here


def _asked(command: tuple[str, ...]) -> Emulator:
    said = run_host([*command, "--version"])
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    if not found:
        raise LabError(f"cannot tell QEMU's version from: {said!r}")
    return Emulator(command, (int(found[1]), int(found[2]), int(found[3])))
