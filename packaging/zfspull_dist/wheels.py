"""The locked dependencies, fetched as wheels for a Python that this machine need not have.

Runs by itself too (`python wheels.py PYTHON_VERSION DIRECTORY`), so it imports the standard library only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


LOCK_FILE = Path(__file__).resolve().parents[2] / "requirements/runtime.lock"

PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""glibc 2.34 is older than that of Debian 12."""


def fetch(python_version: str, into: Path) -> None:
    """Unpack every dependency of the lock file into the directory, nothing compiled, without their commands.

    No chroot, no machine of that release and no compiler are needed: there is a wheel for each.

    Args:
        python_version: which Python they are for, such as `3.13`.
        into: an empty directory.

    Raises:
        subprocess.CalledProcessError: something could not be fetched, or its hash is not the locked one.
    """
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
         "--target", str(into), "--python-version", python_version, "--implementation", "cp", *platforms,
         "--only-binary=:all:", "--require-hashes", "--no-deps", "--requirement", str(LOCK_FILE)],
        check=True,
    )  # fmt: skip
    shutil.rmtree(into / "bin", ignore_errors=True)


if __name__ == "__main__":
    fetch(sys.argv[1], Path(sys.argv[2]))
