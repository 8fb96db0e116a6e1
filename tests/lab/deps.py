"""zfspull itself in a machine: its locked dependencies as a read-only disk, its source as it is in this checkout.

The disk is made once per lock file. Both are compiled here, natively, by the guest's own Python: under emulation that
would take a minute at every first start.
"""

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.cache import digest, made
from tests.lab.devices import Disk
from tests.lab.host import LabError, run_host
from tests.lab.image import Image


log = logging.getLogger("zfspull.lab")

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK_FILE = REPOSITORY / "requirements/runtime.lock"
FETCH = REPOSITORY / "packaging/zfspull_dist/wheels.py"  # as the Debian package gets them
DISK_NAME = "zfspull-deps"
DEPS_DIRECTORY = "/opt/zfspull-deps"  # in the guest


def ensure_deps(image: Image) -> Disk:
    """The disk with zfspull's dependencies for the image's Python, made first if need be."""
    directory = made("deps", deps_key(image), lambda fresh: _make(image, fresh))
    return Disk(DISK_NAME, directory / "deps.img", read_only=True)


def deps_key(image: Image) -> str:
    """The name of the disk for this lock file and the image's Python."""
    return digest([LOCK_FILE.read_text(), image.key, FETCH.read_text(), DEPS_DIRECTORY, 2])


def compile_for(image: Image, directory: Path, *, destination: str) -> None:
    """Compile all Python below ``directory`` for the guest, valid whatever times its files get.

    Args:
        image: Whose Python.
        directory: What to compile.
        destination: Where it will lie in the guest, for tracebacks.
    """
    command = [
        *image.python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
        "-s", str(directory), "-p", destination, str(directory),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(
            f"cannot compile {directory} for the guest's Python:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def _make(image: Image, into: Path) -> None:
    log.info("fetching zfspull's dependencies for the guest's Python %s", image.python_version)
    with tempfile.TemporaryDirectory(dir=into) as name:
        target = Path(name)
        run_host([sys.executable, str(FETCH), image.python_version, name], log_file=into / "pip.log")
        compile_for(image, target, destination=DEPS_DIRECTORY)
        target.chmod(0o755)
        disk = into / "deps.img"
        run_host(["truncate", "-s", "512M", str(disk)])
        run_host(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(target), str(disk)])
