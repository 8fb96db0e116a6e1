"""The package's private library directory: zfspull and its locked dependencies, for the Python of each release.

One directory serves all of them. Their Python code is the same, and a compiled module bears the version it is for in
its name (`_http_parser.cpython-313-x86_64-linux-gnu.so`), as in Debian's own /usr/lib/python3/dist-packages. So one
package serves both releases, and zfspull goes on working after an upgrade from one to the other; it costs 14 MB.

No virtual environment: it would name one interpreter and one place, and its own copy of pip would be of no use here.
"""

from __future__ import annotations

import filecmp
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from zfspull_dist.wheels import fetch


PYTHON_VERSIONS = ("3.11", "3.13")
"""Those of Debian 12 and 13, oldest first."""

# What pip and the build tools note about a wheel; of several the newest Python's is kept.
_NOTES = ("WHEEL", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_NOTES_DIRECTORY = "sboms"

# Sources of compiled modules, which are there compiled; and a compiled module for its own tests.
_LEFT_OUT = ("*.c", "*.h", "*.pyx", "*.pxd", "*.pxi", "*.hash", "_testcapi.*.so")


class MergeError(Exception):
    """The wheels for two Pythons can't share a directory."""


def fill(directory: Path, wheel: Path) -> None:
    """Put zfspull's wheel and all dependencies into the new directory.

    Raises:
        MergeError: the same file differs between two Pythons, or a compiled module is missing for one of them.
    """
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        for version in PYTHON_VERSIONS:
            fetched = Path(name) / version
            fetched.mkdir()
            fetch(version, fetched)
            merge(fetched, directory)
    _check_modules(directory)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    for pattern in _LEFT_OUT:
        for path in directory.rglob(pattern):
            path.unlink()
    for path in [*directory.glob("*.dist-info/RECORD"), *directory.glob("*.dist-info/REQUESTED")]:
        path.unlink()  # after that they would not be true, or were never of use


def merge(fetched: Path, into: Path) -> None:
    """Add the files of one Python's dependencies to those of the others.

    Raises:
        MergeError: a file differs.
    """
    for path in _files(fetched):
        relative = path.relative_to(fetched)
        target = into / relative
        if target.exists() and not _is_note(relative) and not filecmp.cmp(path, target, shallow=False):
            raise MergeError(
                f"{relative} differs between the Pythons of {' and '.join(PYTHON_VERSIONS)}: "
                "they can no longer share a directory; build a package for each release"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _is_note(path: Path) -> bool:
    return path.name in _NOTES or _NOTES_DIRECTORY in path.parts


def _check_modules(directory: Path) -> None:
    """Every compiled module must be there for every Python."""
    tags = [f".cpython-{version.replace('.', '')}-" for version in PYTHON_VERSIONS]
    for path in directory.rglob("*.cpython-*.so"):
        for tag in tags:
            if not list(path.parent.glob(f"{path.name.partition('.')[0]}{tag}*.so")):
                raise MergeError(f"{path.relative_to(directory)} has no counterpart {tag}")


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())
