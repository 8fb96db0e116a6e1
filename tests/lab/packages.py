"""Debian's packages, unpacked beside the host's own: fetched, and checked against Debian's signature, by apt."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.lab.host import DEBIAN_KEYRING, run_host


_ARCHIVE = "deb [signed-by={keyring}] http://deb.debian.org/debian {suite} main\n"


def unpack(suite: str, packages: Sequence[str], into: Path) -> None:
    """Fetch packages of a release of Debian and unpack them into a directory; nothing is installed.

    Args:
        suite: The release, such as ``bookworm-backports``.
        packages: Their names; what they depend on is not fetched.
        into: An empty directory.

    Raises:
        LabError: They can't be had.
    """
    (into / "lists").mkdir()
    (into / "sources").write_text(_ARCHIVE.format(keyring=DEBIAN_KEYRING, suite=suite))
    apt = [
        "env", "--chdir", str(into), "apt-get", "-qq",
        "-o", f"Dir::Etc::SourceList={into}/sources", "-o", "Dir::Etc::SourceParts=/dev/null",
        "-o", f"Dir::State::Lists={into}/lists", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
        "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=3",
    ]  # fmt: skip
    run_host([*apt, "update"])
    run_host([*apt, "download", *packages])
    shutil.rmtree(into / "lists")
    for package in into.glob("*.deb"):
        run_host(["dpkg-deb", "--extract", str(package), str(into)])
        package.unlink()
