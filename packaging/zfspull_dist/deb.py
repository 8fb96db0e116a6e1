"""The Debian package: stage the files, add the control files, and have dpkg-deb pack them, all of one date.

Debian 12 and 13 on amd64, both by the same package. Needs nothing of Debian's but dpkg-deb.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path

from zfspull_dist.checkout import ROOT, VERSION
from zfspull_dist.contents import CONFFILES, EXECUTABLE, PRIVATE, compress, lay_out
from zfspull_dist.copyright import LIBRARIES, copyright_file
from zfspull_dist.libraries import PYTHON_VERSIONS, fill
from zfspull_dist.python import build_wheel


ARCHITECTURE = "amd64"
MAINTAINER = "The zfspull authors <zfspull@localhost>"
SCRIPTS = ("postinst", "prerm", "postrm")

_DEPENDS = (
    "libc6 (>= 2.34)",  # wheels.PLATFORMS
    "libgcc-s1",
    "libstdc++6",
    "systemd | systemd-standalone-sysusers | systemd-sysusers",
)
_CONTROL = """\
Package: zfspull
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Recommends: zfsutils-linux (>= 2.1), openssh-client
Section: admin
Priority: optional
Description: pull-based ZFS replication
 A daemon on the backup box logs in to other machines over SSH on a schedule,
 pulls what is new in their ZFS datasets as incremental raw snapshot streams
 into a local pool, verifies by guid that it arrived, thins old backups by
 calendar rules, and tells Prometheus, the journal and you how it went.
 .
 The sources need OpenZFS and sshd only, have no login here, and cannot delete
 backups. Encrypted datasets stay encrypted; their keys are never needed here.
 .
 This package brings its own copies of the Python libraries that it uses.
"""


def build_deb(into: Path, epoch: int, *, revision: int = 1) -> Path:
    """Build the package and return its path.

    Args:
        into: where to put it.
        epoch: the date of all that is in it, in seconds since the epoch.
        revision: tells packages of the same zfspull apart, such as those with newer libraries.

    Raises:
        FileNotFoundError: there is no dpkg-deb here.
        subprocess.CalledProcessError: the libraries could not be fetched, or dpkg-deb failed.
    """
    version = f"{VERSION}-{revision}"
    into.mkdir(parents=True, exist_ok=True)
    package = into / f"zfspull_{version}_{ARCHITECTURE}.deb"
    with tempfile.TemporaryDirectory(prefix="zfspull-deb-") as name:
        root = Path(name) / "root"
        fill(root / LIBRARIES, build_wheel(Path(name), epoch))
        lay_out(root, epoch)
        documents = root / "usr/share/doc/zfspull"
        (documents / "changelog.Debian.gz").write_bytes(compress(_changelog(version, epoch)))
        (documents / "copyright").write_text(copyright_file(root))
        _write_control(root, version)
        _normalise(root, epoch)
        _pack(root, package, epoch)
    return package


def _write_control(root: Path, version: str) -> None:
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
        for path in sorted(root.rglob("*"))
        if path.is_file() and f"/{path.relative_to(root)}" not in CONFFILES  # those are meant to change
    ]
    # As dpkg-gencontrol counts: files in whole KiB, and one for each directory.
    size = sum((path.stat().st_size + 1023) // 1024 if path.is_file() else 1 for path in root.rglob("*"))
    control = root / "DEBIAN"
    control.mkdir()
    (control / "md5sums").write_text("".join(sums))
    (control / "conffiles").write_text("".join(f"{name}\n" for name in CONFFILES))
    (control / "control").write_text(
        _CONTROL.format(
            version=version,
            architecture=ARCHITECTURE,
            maintainer=MAINTAINER,
            size=size,
            depends=", ".join([*_python_depends(), *_DEPENDS]),
        )
    )
    for name in SCRIPTS:
        shutil.copyfile(ROOT / "packaging/debian" / name, control / name)


def _python_depends() -> list[str]:
    """The Pythons that there are compiled modules for, and none between them."""
    ranges = [(f">= {version}~", f"<< {_after(version)}~") for version in PYTHON_VERSIONS]
    between = [f"python3 ({below}) | python3 ({above})" for (_, below), (above, _) in pairwise(ranges)]
    return [f"python3 ({ranges[0][0]})", *between, f"python3 ({ranges[-1][1]})"]


def _after(version: str) -> str:
    major, minor = version.split(".")
    return f"{major}.{int(minor) + 1}"


def _changelog(version: str, epoch: int) -> str:
    return (
        f"zfspull ({version}) unstable; urgency=medium\n\n"
        f"  * zfspull {VERSION}; see changelog.gz for what is new.\n\n"
        f" -- {MAINTAINER}  {formatdate(epoch)}\n"
    )


def _normalise(root: Path, epoch: int) -> None:
    """Modes and dates that depend on nothing but the file's name."""
    executable = {root / name for name in EXECUTABLE} | {root / "DEBIAN" / name for name in SCRIPTS}
    private = {root / name for name in PRIVATE}
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o750 if path in private else 0o755)
        else:
            path.chmod(0o755 if path in executable else 0o644)
        os.utime(path, (epoch, epoch))


def _pack(root: Path, package: Path, epoch: int) -> None:
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": str(epoch),
        "DPKG_DEB_THREADS_MAX": "1",  # xz cuts its blocks differently with several
        "LC_ALL": "C.UTF-8",
    }
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(root), str(package)],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
