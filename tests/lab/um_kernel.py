"""The kernel of machines that are processes: Linux for user mode with ZFS's modules, built from Debian's own sources.

Made once per release (ten minutes on two processors). It runs wherever one process may trace another, which some
containers forbid: so it is tried.
"""

import logging
import subprocess
from functools import cache
from pathlib import Path

from tests.lab.cache import cache_root, digest, made
from tests.lab.host import ensure_packages, run_host, with_descendants


log = logging.getLogger("zfspull.lab")

RELEASES = ("trixie",)
PACKAGES = ("gcc", "libc6-dev", "make", "flex", "bison", "bc", "libelf-dev", "xz-utils", "kmod")
PROBE_SECONDS = 20.0  # it takes a quarter of one
PROOF = b"Attempted to kill init"  # what a kernel says whose first program ends: it has come all the way up
# The kernel maps its guests' memory into processes of the host and clears all else out of them. glibc has the host write
# into each thread's own memory (rseq), which is then no longer there.
ENVIRONMENT = ("env", "--unset=TMPDIR", "GLIBC_TUNABLES=glibc.pthread.rseq=0")

SPEED = ("seccomp=auto",)  # where the host can; older kernels pass the word on

_RECIPE = Path(__file__).parent / "um"


def kernel_key(release: str) -> str:
    """The name of the kernel that this code builds for ``release``."""
    recipe = [(path.name, path.read_text()) for path in sorted(_RECIPE.iterdir())]
    return digest([release, PACKAGES, recipe, 1])


def find_kernel(release: str) -> Path | None:
    """The directory with ``linux`` and ``modules.tar`` if they were built already."""
    directory = cache_root() / "um" / kernel_key(release)
    return directory if directory.is_dir() else None


def ensure_kernel(release: str) -> Path:
    """The directory with ``linux`` and ``modules.tar``, built first if need be.

    Raises:
        LabError: A step of the build failed.
    """
    ensure_packages()
    return made("um", kernel_key(release), lambda fresh: _build(release, fresh))


@cache
def works(kernel: Path) -> bool:
    """Whether the program ``kernel`` gets through its start on this host."""
    command = [
        *ENVIRONMENT, str(kernel), "mem=128M", "root=none", "rootfstype=hostfs", "ro", "con=null", "con0=null,fd:1", *SPEED,
        "init=/bin/true",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=PROBE_SECONDS, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return PROOF in done.stdout


def _build(release: str, into: Path) -> None:
    log.info("building Linux for user mode with ZFS: about 10 minutes, once (log: %s/build.log)", into)
    into.chmod(0o755)  # apt drops its rights and must still find the way into its root, which lies in here
    hooks = (
        'mkdir "$1/um"', f"copy-in {_RECIPE}/build.sh {_RECIPE}/config /um", 'chroot "$1" sh /um/build.sh',
        f"copy-out /um/linux /um/modules.tar {into}",
    )  # fmt: skip
    bootstrap = [
        "mmdebstrap", "--variant=apt", "--components=main,contrib", "--format=null",
        '--aptopt=Apt::Install-Recommends "false"', f"--include={','.join(PACKAGES)}",
        *(f"--customize-hook={hook}" for hook in hooks), release, "/dev/null",
    ]  # fmt: skip
    run_host(with_descendants(bootstrap), log_file=into / "build.log", temporary=into)
