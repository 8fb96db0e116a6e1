"""Versions of OpenZFS, and what is known to go wrong with raw streams in some of them.

The table is about what a pull meets; corruption that has nothing to do with streams is no business of this program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from zfspull.zfs.texts import Side


Version = tuple[int, int, int]

_LINE = re.compile(r"^zfs-(kmod-)?(?:v)?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Versions:
    """What `zfs version` says: of the commands and of the kernel module; each None where it does not say."""

    commands: Version | None = None
    module: Version | None = None

    @property
    def effective(self) -> Version | None:
        """The one that reads and writes pools: the module's."""
        return self.module or self.commands

    @property
    def differ(self) -> bool:
        """Whether the commands are of another version than the module, as after an upgrade without a reboot."""
        return None not in (self.commands, self.module) and self.commands != self.module


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A known mistake of OpenZFS.

    Attributes:
        issue: where it is told of, in OpenZFS's tracker.
        sides: on which side of a pull it matters.
        ranges: versions that have it, each from the first to the first without.
        encrypted_only: whether only encrypted datasets meet it.
        hits_pulls: whether a pull as zfspull does it can meet it; else only what is done by hand.
        text: what happens.
    """

    issue: str
    sides: frozenset[Side]
    ranges: tuple[tuple[Version, Version], ...]
    encrypted_only: bool
    hits_pulls: bool
    text: str

    @property
    def mended(self) -> str:
        """The first versions without it."""
        return " or ".join(shown(end) for _, end in self.ranges)


_FIRST: Version = (0, 0, 0)
_BOTH = frozenset({Side.SOURCE, Side.TARGET})

BUGS: tuple[Bug, ...] = (
    Bug(
        issue="openzfs #12014, #11688",
        sides=_BOTH,
        ranges=((_FIRST, (2, 2, 8)), ((2, 3, 0), (2, 3, 3))),
        encrypted_only=True,
        hits_pulls=False,
        text="sending an encrypted dataset without `-w` can corrupt the stream or panic; zfspull always sends raw, "
        "so never do it by hand",
    ),
    Bug(
        issue="openzfs commit c4e8742149",
        sides=frozenset({Side.TARGET}),
        ranges=((_FIRST, (2, 2, 0)),),
        encrypted_only=True,
        hits_pulls=True,
        text="raw streams may be received with indirect blocks of the wrong size",
    ),
    Bug(
        issue="openzfs #13598, #14055, #14119",
        sides=frozenset({Side.TARGET}),
        ranges=((_FIRST, (2, 1, 7)),),
        encrypted_only=True,
        hits_pulls=True,
        text="plain datasets received below an encrypted one may come out wrong",
    ),
    Bug(
        issue="openzfs #14967",
        sides=frozenset({Side.SOURCE}),
        ranges=((_FIRST, (2, 1, 5)),),
        encrypted_only=True,
        hits_pulls=True,
        text="bookmarks may lack what raw increments need (`ivsetguid`): with `cursor: hold` none are used",
    ),
    Bug(
        issue="openzfs #10234",
        sides=frozenset({Side.TARGET}),
        ranges=((_FIRST, (2, 0, 0)),),
        encrypted_only=True,
        hits_pulls=True,
        text="a first raw receive that was interrupted can't be resumed (`IV set guid missing`)",
    ),
)
"""Read in OpenZFS's sources and tracker; a row comes in with the versions that were looked at."""


def parse_versions(text: str) -> Versions:
    """What `zfs version` printed: `zfs-2.3.9-1` and `zfs-kmod-2.3.9-1`; None for what is not there."""
    found: dict[bool, Version] = {}
    for kmod, major, minor, patch in _LINE.findall(text):
        found.setdefault(bool(kmod), (int(major), int(minor), int(patch or 0)))
    return Versions(found.get(False), found.get(True))


def shown(version: Version) -> str:
    """`2.3.9`."""
    return ".".join(map(str, version))


def bugs(version: Version, side: Side, *, encrypted: bool) -> Iterator[Bug]:
    """The known ones that matter with that version on that side.

    Args:
        version: of the module there.
        side: which.
        encrypted: whether anything that is pulled is encrypted.
    """
    for bug in BUGS:
        affected = any(first <= version < end for first, end in bug.ranges)
        if affected and side in bug.sides and (encrypted or not bug.encrypted_only):
            yield bug
