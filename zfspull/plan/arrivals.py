"""What a run has received itself, so that what it changed on the target need not be listed from the beginning.

A replica that only grew has what it had, and what arrived on top of it. Whether that is all is seen by the time at
which ZFS says its snapshots were changed last: it must be that of the run's own receives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zfspull.plan.known import SETTLED_AFTER_SECONDS
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Dataset, Snapshot


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one run has received into one dataset.

    Attributes:
        began_at: when the run began, seconds since the epoch by this machine's clock, which is the target's too.
        ended_at: when the last of it had arrived and been seen.
        steps: what was received and verified, in order.
    """

    began_at: float
    ended_at: float
    steps: tuple[Step, ...]

    def explain(self, changed: int | None) -> bool:
        """Whether nothing has changed the snapshots since: `changed` is the dataset's `snapshots_changed`."""
        return changed is not None and int(self.began_at) <= changed <= int(self.ended_at)


def settled(changed: int | None, began_at: float) -> bool:
    """Whether any change after `changed` would show, if it is looked at from `began_at` on, by the same clock."""
    return changed is not None and began_at - changed >= SETTLED_AFTER_SECONDS


def grown(before: Sequence[Snapshot], steps: Iterable[Step], source: Dataset | None) -> tuple[Snapshot, ...] | None:
    """The snapshots that `steps` have brought, as the source has them; None if that can't be said.

    Args:
        before: what the replica had, oldest first.
        steps: what was received, in order.
        source: the dataset on the host, as it was listed in the run.
    """
    newest = before[-1].guid if before else None
    brought: list[Snapshot] = []
    for step in steps:
        if (step.base.guid if step.base else None) != newest:
            return None
        if step.kind is StepKind.RANGE:
            between = _between(step, source)
            if between is None:
                return None
            brought += between
        brought.append(step.to)
        newest = step.to.guid
    return tuple(brought)


def _between(step: Step, source: Dataset | None) -> list[Snapshot] | None:
    """What `zfs send -I` sends before the last one."""
    shots = source.snapshots if source is not None else ()
    places = {shot.guid: place for place, shot in enumerate(shots)}
    if step.base is None or step.base.guid not in places or step.to.guid not in places:
        return None
    return list(shots[places[step.base.guid] + 1 : places[step.to.guid]])
