"""What the Debian package installs, but for the libraries: a table of files, and those that are made."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

from zfspull_dist import completions
from zfspull_dist.checkout import ROOT
from zfspull_dist.manpages import configuration_page, program_page


_DEBIAN = "packaging/debian"
_DOC = "usr/share/doc/zfspull"

# file or directory of the checkout -> where it goes
COPIED = {
    f"{_DEBIAN}/launcher": "usr/bin/zfspull",
    f"{_DEBIAN}/zfspull.yaml": "etc/zfspull/zfspull.yaml",
    f"{_DEBIAN}/sysusers.conf": "usr/lib/sysusers.d/zfspull.conf",
    f"{_DEBIAN}/with-jobs-only.conf": "usr/lib/systemd/system/zfspull.service.d/with-jobs-only.conf",
    f"{_DEBIAN}/rtupdate": "usr/share/python3/runtime.d/zfspull.rtupdate",
    f"{_DEBIAN}/lintian-overrides": "usr/share/lintian/overrides/zfspull",
    "config/zfspull.yaml": f"{_DOC}/examples/zfspull.yaml",
    "config/jobs.d": f"{_DOC}/examples/jobs.d",
    "docs": _DOC,
}
# Likewise, where the checkout has it.
COPIED_IF_THERE = {
    "config/alerts.yaml": f"{_DOC}/examples/alerts.yaml",
    "config/dashboard.json": f"{_DOC}/examples/dashboard.json",
    "packaging/source/zfspull-gate": "usr/share/zfspull/zfspull-gate",
    "SECURITY.md": f"{_DOC}/SECURITY.md",
}
EMPTY_DIRECTORIES = ("etc/zfspull/jobs.d", "etc/zfspull/keys")
CONFFILES = ("/etc/zfspull/zfspull.yaml",)
EXECUTABLE = ("usr/bin/zfspull", "usr/share/zfspull/zfspull-gate", "usr/share/python3/runtime.d/zfspull.rtupdate")
PRIVATE = ("etc/zfspull", "etc/zfspull/jobs.d", "etc/zfspull/keys")
"""Directories for the daemon's group only, to which postinst gives them; the keys stay root's."""


def lay_out(root: Path, epoch: int) -> None:
    """Put everything below the new root that is neither library nor control file."""
    for source, destination in {**COPIED, **COPIED_IF_THERE}.items():
        if source in COPIED or (ROOT / source).exists():
            _copy(ROOT / source, root / destination)
    for name in EMPTY_DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    _write(root / "usr/lib/systemd/system/zfspull.service", unit())
    _write(root / "usr/share/bash-completion/completions/zfspull", completions.bash())
    _write(root / "usr/share/zsh/vendor-completions/_zfspull", completions.zsh())
    _write(root / "usr/share/fish/vendor_completions.d/zfspull.fish", completions.fish())
    _write(root / "usr/share/man/man8/zfspull.8.gz", program_page(epoch))
    _write(root / "usr/share/man/man5/zfspull.yaml.5.gz", configuration_page(epoch))
    _write(root / f"{_DOC}/changelog.gz", (ROOT / "CHANGELOG.md").read_text())


def unit() -> str:
    """The unit with the full path of the program: one installed by hand in /usr/local must not run in its place."""
    text = (ROOT / "systemd/zfspull.service").read_text()
    text = re.sub(r"^# No absolute path: .*\n(?:# .*\n)*(?=ExecStart)", "", text, flags=re.MULTILINE)
    return re.sub(r"^(Exec\w+=[-+!@:]*)zfspull\b", r"\1/usr/bin/zfspull", text, flags=re.MULTILINE)


def compress(text: str) -> bytes:
    """As `gzip -9n`: neither name nor time."""
    return gzip.compress(text.encode(), mtime=0)


def _copy(source: Path, destination: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, destination, dirs_exist_ok=True)
    else:
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compress(text) if path.suffix == ".gz" else text.encode())
