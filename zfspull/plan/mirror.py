"""The mirror: one more keep rule, which keeps what the source has, and what it lost only just now.

A mirror never destroys by itself: like any rule it keeps or does not, and guards and `max_destroy` come after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zfspull.plan.absence import Losses
from zfspull.plan.duration import format_duration
from zfspull.zfs.model import Dataset


ON_THE_SOURCE = "on the source"
UNCLEAR = "unclear whether on the source"


@dataclass(frozen=True, slots=True)
class Mirror:
    """The rule of one job in one run.

    Attributes:
        grace_seconds: for how long what the source has lost is kept.
        losses: what it has lost.
    """

    grace_seconds: float
    losses: Losses

    def kept(self, dataset: Dataset) -> Iterator[tuple[int, str]]:
        """By guid, the snapshots of a target dataset that are kept, with the reason."""
        gone = self.losses.sight.present.get(dataset.guid)
        for snapshot in dataset.snapshots:
            if gone is None:
                yield snapshot.guid, UNCLEAR
            elif snapshot.guid not in gone:
                yield snapshot.guid, ON_THE_SOURCE
            elif (seconds := self.losses.snapshot_seconds(dataset.guid, snapshot.guid)) < self.grace_seconds:
                age, grace = format_duration(int(seconds)), format_duration(self.grace_seconds)
                yield snapshot.guid, f"gone on the source for {age} of {grace}"
