"""What must be allowed at both ends (`zfs allow`), one table each: `setup` grants it, `doctor` checks it, docs tell it.

Which operation fails without which permission was tried one by one as an ordinary user on OpenZFS 2.3.9 and 2.1.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zfspull.plan.cursors import CursorKind


class Verb(StrEnum):
    """What zfspull may do on a source besides reading and sending; the words of `zfspull-gate --allow`."""

    SNAPSHOT = "snapshot"
    HOLD = "hold"
    BOOKMARK = "bookmark"
    PRUNE = "prune"


DEFAULT_VERBS = (Verb.SNAPSHOT, Verb.HOLD)
"""What is granted unless something else is asked for: nothing in it destroys anything."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission of zfs(8), what it is for, and whether no pull at all works without it."""

    permission: str
    why: str
    always: bool = False


ALWAYS: tuple[Grant, ...] = (
    Grant("send", "sending; without it there is no backup"),
    Grant("hold", "sending several snapshots in one stream: `zfs send -I` holds them meanwhile (openzfs #16394)"),
)
"""On every source."""

OF_VERB: Mapping[Verb, tuple[Grant, ...]] = {
    Verb.SNAPSHOT: (Grant("snapshot", "`snapshots: {take: true}`"),),
    Verb.HOLD: (
        Grant("hold", "holding the newest common snapshot (`cursor`)"),
        Grant("release", "letting go of the one before"),
    ),
    Verb.BOOKMARK: (
        Grant("bookmark", "marking the newest common snapshot (`cursor`)"),
        Grant("destroy", "taking old bookmarks away"),
    ),
    Verb.PRUNE: (
        Grant("destroy", "destroying what `keep_source` does not keep"),
        Grant("mount", "what destroying a snapshot asks for besides"),
    ),
}
"""On a source, for each verb."""

_ORDER = ("send", "snapshot", "hold", "release", "bookmark", "destroy", "mount")

ON_TARGET: tuple[Grant, ...] = (
    Grant("create", "new replicas, and renaming", always=True),
    Grant("mount", "what all of these ask for besides; nothing is mounted", always=True),
    Grant("receive", "receiving", always=True),
    Grant("destroy", "retention, and giving up an interrupted receive"),
    Grant("rename", "`rename_aside`, and following a rename on the source"),
    Grant("rollback", "`resolve: {target_modified: rollback}`"),
    Grant("userprop", "marking the empty parents that zfspull makes"),
    Grant("canmount", "replicas that are not mounted at boot, and empty parents"),
    Grant("mountpoint", "not taking the source's mountpoints over"),
    Grant("readonly", "replicas that nobody changes by accident"),
)
"""On the target's parent; besides, whatever property `target` in zfspull.yaml sets or excludes.

Without the permission of a property `zfs recv` says so, leaves the property as it was and exits with 0 (tried on 2.3.9
and 2.1.11): the pull succeeds, and the replica is writable or mounted at boot. `encryption=off` needs none.
"""


def source_permissions(verbs: Iterable[Verb]) -> tuple[str, ...]:
    """The permissions that a login needs on a source, in the order in which they are shown."""
    names = {grant.permission for grant in ALWAYS}
    names |= {grant.permission for verb in verbs for grant in OF_VERB[verb]}
    return tuple(name for name in _ORDER if name in names)


def target_permissions(properties: Iterable[str] = ()) -> tuple[str, ...]:
    """The permissions that the daemon's user needs on the target's parent.

    Args:
        properties: names of those that are set or excluded at a receive; user properties may be among them.
    """
    names = [grant.permission for grant in ON_TARGET]
    more = sorted({name for name in properties if ":" not in name} - set(names))
    return (*names, *more)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job does on its source: verbs that it can't do without, and those that it would use."""

    required: tuple[Verb, ...]
    wanted: tuple[Verb, ...] = ()


def job_needs(*, take: bool, cursor: CursorKind, prunes: bool) -> Needs:
    """The verbs of a job.

    Args:
        take: whether it takes snapshots.
        cursor: what it leaves on the source.
        prunes: whether it has `keep_source`.
    """
    required = [Verb.SNAPSHOT] if take else []
    if cursor in (CursorKind.HOLD, CursorKind.BOOKMARK):
        required.append(Verb(cursor.value))
    if prunes:
        required.append(Verb.PRUNE)
    return Needs(tuple(required), (Verb.HOLD, Verb.BOOKMARK) if cursor is CursorKind.AUTO else ())


def cursor_for(verbs: Sequence[Verb]) -> CursorKind:
    """The cursor that a job can have with those verbs; a hold before a bookmark, which needs `destroy`."""
    for verb, kind in ((Verb.HOLD, CursorKind.HOLD), (Verb.BOOKMARK, CursorKind.BOOKMARK)):
        if verb in verbs:
            return kind
    return CursorKind.NONE
