"""Which snapshots bear a time that can be believed, and what becomes of the others.

The time of a snapshot is what the clock of its source showed, and whoever is root there sets that clock at will; the
order of arrival on the target is ours. A snapshot whose time can't be believed stays, and counts for no rule: so it can
take the place of none that is good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zfspull.zfs.model import Snapshot


TOLERANCE_SECONDS = 86_400
"""By how much a time may be wrong; a mistaken time zone explains at most that.

Whoever sets a clock back by less displaces only what they could have displaced had they come a day earlier.
"""

IN_THE_FUTURE = "created in the future"
SET_BACK = "created days before an earlier one"
EVIDENCE = "shows that later ones are dated back"


@dataclass(frozen=True, slots=True)
class Trust:
    """What can be said of the times of one dataset's snapshots.

    Attributes:
        believed: those that count for rules, oldest first.
        stay: by guid, why a snapshot stays whatever the rules say.
    """

    believed: tuple[Snapshot, ...]
    stay: Mapping[int, str]


def judge_times(snapshots: Iterable[Snapshot], now: float) -> Trust:
    """Tell the snapshots whose time can be believed from the others.

    A time is not believed that lies in the future, or before that of a snapshot that was there already. What gave it
    away stays as well, or the next look would believe it: so the answer for a snapshot is settled when it arrives.

    Args:
        snapshots: all of one dataset, in any order.
        now: seconds since the epoch.
    """
    believed: list[Snapshot] = []
    stay: dict[int, str] = {}
    latest: Snapshot | None = None
    for snapshot in in_order(snapshots):
        if snapshot.creation > now + TOLERANCE_SECONDS:
            stay[snapshot.guid] = IN_THE_FUTURE
        elif latest is not None and snapshot.creation < latest.creation - TOLERANCE_SECONDS:
            stay[snapshot.guid] = SET_BACK
            stay[latest.guid] = EVIDENCE
        else:
            believed.append(snapshot)
            if latest is None or snapshot.creation > latest.creation:
                latest = snapshot
    return Trust(tuple(believed), MappingProxyType(stay))


def in_order(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """The snapshots of one dataset, oldest first.

    ZFS never takes two of one dataset in one transaction group; should a listing say so, the order is still settled.
    """
    return sorted(snapshots, key=lambda snapshot: (snapshot.createtxg, snapshot.creation, snapshot.guid))
