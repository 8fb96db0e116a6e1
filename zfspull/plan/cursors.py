"""Cursors: the marks that zfspull leaves on the source so that the base outlives the source's own pruning.

A cursor is a bookmark, or a hold where bookmarks can't be moved. It is named for the job, for a tag that tells one
replica from all others (so that renaming a job keeps its cursors, and two backup boxes never touch each other's), and
for the guid that it stands for. Here are the names and what is stale; nothing is done here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from zfspull.zfs.model import Bookmark, Dataset


PREFIX = "zfspull"
_TAG_DIGITS = 8
_OWNER = rf"{PREFIX}_(?P<job>.+)_(?P<tag>[0-9a-f]{{{_TAG_DIGITS}}})"
_BOOKMARK = re.compile(rf"{_OWNER}_(?P<guid>[0-9a-f]{{16}})")
_HOLD = re.compile(_OWNER)


class CursorKind(StrEnum):
    """What a job may leave on the source."""

    AUTO = "auto"
    """A bookmark, or a hold if the source does not let old bookmarks go, or nothing if it allows neither."""
    BOOKMARK = "bookmark"
    HOLD = "hold"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose cursors: a job, by its name and by the tag of its replica."""

    job: str
    tag: str

    def bookmark(self, guid: int) -> str:
        """The name of the bookmark for a snapshot of that guid."""
        return f"{PREFIX}_{self.job}_{self.tag}_{guid:016x}"

    @property
    def hold(self) -> str:
        """The tag of this job's holds."""
        return f"{PREFIX}_{self.job}_{self.tag}"


def replica_tag(machine: str, target: str) -> str:
    """What tells one replica from all others: made of the backup box's identity and the target's name."""
    return hashlib.sha256(f"{machine}\0{target}".encode()).hexdigest()[:_TAG_DIGITS]


def owner_of(bookmark: str) -> Owner | None:
    """Whose cursor a bookmark of that name is; None if it is no cursor."""
    match = _BOOKMARK.fullmatch(bookmark)
    return Owner(match["job"], match["tag"]) if match else None


def owner_of_hold(tag: str) -> Owner | None:
    """Whose cursor a hold of that tag is; None if it is no cursor."""
    match = _HOLD.fullmatch(tag)
    return Owner(match["job"], match["tag"]) if match else None


def cursors_of(dataset: Dataset, tag: str) -> tuple[Bookmark, ...]:
    """The cursors for one replica among a dataset's bookmarks, oldest first, whatever the job was called by then."""
    return tuple(
        bookmark
        for bookmark in dataset.bookmarks
        if (owner := owner_of(bookmark.name)) is not None and owner.tag == tag
    )
