"""What the lab needs of the host: commands, and the packages that bring them."""

import logging
import os
import platform
import shutil
import subprocess
from pathlib import Path


log = logging.getLogger("zfspull.lab")

DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# command -> the Debian and Ubuntu package that brings it
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
    "setpriv": "util-linux",
}

# file -> likewise, where there is no command to look for
FILES_OF_PACKAGES = {DEBIAN_KEYRING: "debian-archive-keyring"}


class LabError(Exception):
    """The lab cannot do its work; the message says what a person can do about it."""


def system_path() -> str:
    """``PATH`` with the administrator's directories, where mke2fs lives and an ordinary user's PATH does not look."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def run_host(argv: list[str], *, log_file: Path | None = None, temporary: Path | None = None) -> str:
    """Run a command of the host to its end and return its standard output; it is killed when this process is.

    Args:
        argv: The command.
        log_file: Where its output goes instead, kept for a look after a failure.
        temporary: Its ``TMPDIR``.

    Raises:
        LabError: It failed; the message holds the end of what it said.
    """
    environment = os.environ | {"LC_ALL": "C.UTF-8", "PATH": system_path()}
    if temporary:
        environment["TMPDIR"] = str(temporary)
    tied = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
    if log_file is None:
        done = subprocess.run(tied, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        said = done.stderr or done.stdout
    else:
        with log_file.open("wb") as output:
            done = subprocess.run(
                tied, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        said = log_file.read_bytes()
    if done.returncode != 0:
        tail = said.decode(errors="replace")[-2000:]
        raise LabError(f"{argv[0]} failed with status {done.returncode}:\n{tail}")
    return (done.stdout or b"").decode(errors="replace")


def with_descendants(argv: list[str]) -> list[str]:
    """``argv`` such that its death takes all that it started along, where the kernel lets us have a process namespace."""
    namespace = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"]
    works = (
        subprocess.run([*namespace, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    )
    return [*namespace, *argv] if works else argv


def missing_packages() -> list[str]:
    """The packages that this host lacks."""
    commands = {package for command, package in PACKAGES.items() if not shutil.which(command, path=system_path())}
    return sorted(commands | {package for file, package in FILES_OF_PACKAGES.items() if not Path(file).exists()})


def ensure_packages() -> None:
    """Install what the lab needs and the host lacks.

    Raises:
        LabError: The host is no x86-64, or this is not root on Debian or Ubuntu, or the installation failed; names the packages.
    """
    if platform.machine() != "x86_64":
        raise LabError(f"the lab's machines are x86-64 and so must be the host; this one is {platform.machine()}")
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(
            f"the lab needs packages that this machine lacks: {' '.join(missing)}\n"
            f"As root on Debian or Ubuntu: apt-get install --no-install-recommends {' '.join(missing)}"
        )
    log.info("installing %s", " ".join(missing))
    run_host(["apt-get", "update", "-qq"])
    run_host(
        [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            *missing,
        ]
    )
    still_missing = missing_packages()
    if still_missing:
        raise LabError(f"apt-get succeeded, yet commands of {' '.join(still_missing)} are not on the PATH")
