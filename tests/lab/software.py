"""Putting zfspull into a machine."""

import shutil
import tempfile
from pathlib import Path

from tests.lab.deps import DEPS_DIRECTORY, REPOSITORY, compile_for, ensure_deps
from tests.lab.machine import Machine


PACKAGE_DIRECTORY = "/opt/zfspull"
LAUNCHER = f"""\
#!/bin/sh
# The checkout's zfspull with the locked dependencies. -P: a zfspull in the working directory is not the one.
PYTHONPATH={PACKAGE_DIRECTORY}:{DEPS_DIRECTORY} exec python3 -P -m zfspull "$@"
"""


def install_zfspull(machine: Machine, *, unit: bool = False) -> None:
    """Install this checkout's zfspull as ``/usr/local/bin/zfspull``, replacing what an earlier call installed.

    Args:
        machine: Where; it must run.
        unit: Whether to install ``systemd/zfspull.service`` as well (neither enabled nor started).
    """
    deps = machine.plug(ensure_deps(machine.image))
    machine.run(
        f"grep -q {DEPS_DIRECTORY} /etc/fstab || echo {deps} {DEPS_DIRECTORY} ext4 ro,nofail 0 0 >>/etc/fstab\n"
        f"mountpoint -q {DEPS_DIRECTORY} || mount {DEPS_DIRECTORY}; rm -rf {PACKAGE_DIRECTORY}"
    )
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # tar takes it along, and the daemon is not root
        copy = Path(name) / "zfspull"
        shutil.copytree(REPOSITORY / "zfspull", copy, ignore=shutil.ignore_patterns("__pycache__"))
        compile_for(machine.image, copy, destination=f"{PACKAGE_DIRECTORY}/zfspull")
        machine.put(Path(name), PACKAGE_DIRECTORY)
    machine.write("/usr/local/bin/zfspull", LAUNCHER, mode="755")
    if unit:
        machine.put(REPOSITORY / "systemd/zfspull.service", "/etc/systemd/system/zfspull.service")
        machine.run("systemctl daemon-reload")
