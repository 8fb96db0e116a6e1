"""What a job allows and wants, as far as planning is concerned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from zfspull.plan.steps import Reason, RemedyKind
from zfspull.zfs.model import Snapshot


REMEDIES: Mapping[Reason, RemedyKind] = MappingProxyType(
    {
        Reason.TARGET_NEWER: RemedyKind.ROLLBACK,
        Reason.TARGET_MODIFIED: RemedyKind.ROLLBACK,
        Reason.NO_COMMON_BASE: RemedyKind.RENAME_ASIDE,
        Reason.LINEAGE_BROKEN: RemedyKind.RENAME_ASIDE,
        Reason.TARGET_FOREIGN: RemedyKind.RENAME_ASIDE,
        Reason.KIND_DIFFERS: RemedyKind.RENAME_ASIDE,
        Reason.SOURCE_ENCRYPTED: RemedyKind.RENAME_ASIDE,
        Reason.SOURCE_PLAIN: RemedyKind.RENAME_ASIDE,
        Reason.RENAMED: RemedyKind.RENAME,
    }
)
"""The refusals that a job may have resolved without a person, and the one way in which each is."""


class Initial(StrEnum):
    """What to do with a dataset that has no replica yet."""

    ALL = "all"
    """Pull all wanted snapshots, the oldest in full."""
    NEWEST = "newest"
    """Pull the newest wanted snapshot in full."""
    REFUSE = "refuse"
    """Pull nothing: a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The job's wishes.

    Attributes:
        match: regular expression (searched in the snapshot's name) of the snapshots to pull; None for all.
        exclude: patterns of paths that are left out, see `plan.exclude`.
        initial: see there.
        tag: of the replica, see `plan.cursors`.
        resolve: the refusals that are resolved without a person, see `REMEDIES`.
    """

    match: str | None = None
    exclude: tuple[str, ...] = ()
    initial: Initial = Initial.ALL
    resolve: frozenset[Reason] = frozenset()
    tag: str = ""

    def for_one(self) -> Policy:
        """The same for planning one dataset without its tree: nothing is renamed then, for others may lie below it."""
        allowed = {reason for reason in self.resolve if REMEDIES[reason] is RemedyKind.ROLLBACK}
        return replace(self, resolve=frozenset(allowed))

    def wants(self, snapshot: Snapshot) -> bool:
        """Whether the job pulls `snapshot`."""
        return self.match is None or re.search(self.match, snapshot.name) is not None
