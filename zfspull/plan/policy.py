"""What a job allows and wants, as far as planning is concerned."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from zfspull.zfs.model import Snapshot


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
    """

    match: str | None = None
    exclude: tuple[str, ...] = ()
    initial: Initial = Initial.ALL

    def wants(self, snapshot: Snapshot) -> bool:
        """Whether the job pulls `snapshot`."""
        return self.match is None or re.search(self.match, snapshot.name) is not None
