"""The package's copyright file: zfspull's own licence, and that of each library in it, from what its wheel says."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from zfspull_dist.checkout import ROOT


LIBRARIES = "usr/lib/zfspull"

# What wheels say in their own words, in SPDX's.
_SPDX = {"Apache 2.0": "Apache-2.0"}
_SPDX_OF_CLASSIFIER = {"License :: OSI Approved :: MIT License": "MIT"}


class LicenceError(Exception):
    """A library does not say what its licence is."""


def copyright_file(root: Path) -> str:
    """The text, for the libraries below `root`.

    Raises:
        LicenceError: one of them names no licence.
    """
    own = (ROOT / "LICENSE").read_text()
    grant = own[own.index("Permission is") :]
    stanzas = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: zfspull",
        f"Files: *\nCopyright: {_holders(own)}\nLicense: MIT\n{_indented(grant)}",
    ]
    libraries = sorted((root / LIBRARIES).glob("*.dist-info"))
    stanzas += [_stanza(directory) for directory in libraries if not directory.name.startswith("zfspull-")]
    return "\n\n".join(stanzas) + "\n"


def _stanza(directory: Path) -> str:
    about = HeaderParser().parsestr((directory / "METADATA").read_text())
    texts = sorted(
        path
        for path in directory.rglob("*")
        if path.is_file() and path.name.upper().startswith(("LICENSE", "COPYING", "NOTICE", "AUTHORS"))
    )
    if not texts:
        raise LicenceError(f"{about['Name']} {about['Version']} brings no text of its licence")
    files = "\n ".join(f"{LIBRARIES}/{path.relative_to(directory.parent)}" for path in texts)
    author = about["Author"] or about["Author-email"] or about["Maintainer-email"] or f"the authors of {about['Name']}"
    note = f" The text is in the package, below /{LIBRARIES}:\n {files.replace(LIBRARIES + '/', '')}"
    return (
        f"Files: {LIBRARIES}/{directory.name}/* {' '.join(_top_level(directory))}\n"
        f"Copyright: {' '.join(author.split())}\nLicense: {_licence(about)}\n{note}"
    )


def _top_level(directory: Path) -> list[str]:
    """The library's own directories, by what its name and its wheel tell."""
    name = directory.name.partition("-")[0]
    listed = directory / "top_level.txt"
    names = set(listed.read_text().split()) if listed.exists() else {name}
    found = (f"{LIBRARIES}/{name}/*" for name in sorted(names) if (directory.parent / name).is_dir())
    return list(found)


def _licence(about: Message) -> str:
    stated = about["License-Expression"] or about["License"]
    if stated:
        return _SPDX.get(stated, stated).replace(" OR ", " or ").replace(" AND ", " and ")
    for classifier in about.get_all("Classifier", []):
        if classifier in _SPDX_OF_CLASSIFIER:
            return _SPDX_OF_CLASSIFIER[classifier]
    raise LicenceError(f"{about['Name']} {about['Version']} does not say what its licence is")


def _holders(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("Copyright")).removeprefix("Copyright (c) ")


def _indented(text: str) -> str:
    return "\n".join(f" {line}" if line else " ." for line in text.rstrip().splitlines())
