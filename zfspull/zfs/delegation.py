"""What `zfs allow` prints: who may do what on a dataset. Pure; nothing here grants anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from zfspull.zfs.names import relative


_BLOCK = re.compile(r"^-+ Permissions on (.+?) -+$")
_SECTIONS = {
    "Permission sets:": "sets",
    "Local permissions:": "here",
    "Descendent permissions:": "below",
    "Local+Descendent permissions:": "here,below",
    "Create time permissions:": "created",
}
"""Headings of zfs_do_allow in OpenZFS's cmd/zfs/zfs_main.c, and where what stands under them applies."""

WEAKER: Mapping[str, frozenset[str]] = {
    "send": frozenset({"send:raw", "send:encrypted"}),
    "receive": frozenset({"receive:append"}),
}
"""By permission, those of OpenZFS 2.4 that grant only a part of it, which is all that zfspull needs of it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A line: to whom (`user`, `group` or `everyone`, and the name), what, and where it applies."""

    dataset: str
    kind: str
    name: str
    permissions: frozenset[str]
    here: bool
    below: bool


@dataclass(frozen=True, slots=True)
class Delegation:
    """All that is granted on a dataset, there and above it; permission sets are taken apart."""

    grants: tuple[Grant, ...] = field(default=())

    def held(self, dataset: str, user: str, groups: Iterable[str] = (), *, recursive: bool) -> frozenset[str]:
        """The permissions that a user has.

        Args:
            dataset: on which.
            user: by name.
            groups: those that the user is in.
            recursive: whether they must hold for all below it too.
        """
        wanted = {("user", user), ("everyone", ""), *(("group", group) for group in groups)}
        here: set[str] = set()
        below: set[str] = set()
        for grant in self.grants:
            if (grant.kind, grant.name) in wanted and (path := relative(grant.dataset, dataset)) is not None:
                if grant.below if path else grant.here:
                    here |= grant.permissions
                if grant.below:
                    below |= grant.permissions
        return frozenset(here & below if recursive else here)

    def groups(self, dataset: str, permission: str) -> tuple[str, ...]:
        """The groups that have a permission on a dataset."""
        return tuple(
            grant.name
            for grant in self.grants
            if grant.kind == "group"
            and permission in grant.permissions
            and relative(grant.dataset, dataset) is not None
            and (grant.here if grant.dataset == dataset else grant.below)
        )


def missing(needed: Iterable[str], held: frozenset[str]) -> tuple[str, ...]:
    """What of `needed` is not held, also not in a weaker form that is enough."""
    return tuple(name for name in needed if name not in held and not WEAKER.get(name, frozenset()) & held)


def parse_delegation(text: str) -> Delegation:
    """What `zfs allow DATASET` printed; lines that are none of it are left out."""
    sets: dict[str, dict[str, frozenset[str]]] = {}
    grants: list[Grant] = []
    dataset, section = "", ""
    for line in text.splitlines():
        if found := _BLOCK.match(line):
            dataset, section = found[1], ""
        elif not line.startswith(("\t", " ")):
            section = _SECTIONS.get(line.strip(), "")
        elif section == "sets":
            name, _, listed = line.strip().partition(" ")
            sets.setdefault(dataset, {})[name] = frozenset(listed.split(","))
        elif section in ("here", "below", "here,below") and (parts := _parts(line.strip())):
            kind, name, permissions = parts
            grants.append(Grant(dataset, kind, name, permissions, "here" in section, "below" in section))
    return Delegation(tuple(_unfolded(grant, sets) for grant in grants))


def _parts(line: str) -> tuple[str, str, frozenset[str]] | None:
    """`user zfspull hold,send`, `everyone send`."""
    who, _, listed = line.rpartition(" ")
    kind, _, name = who.partition(" ")
    if kind not in ("user", "group", "everyone") or not listed:
        return None
    return kind, name, frozenset(listed.split(","))


def _unfolded(grant: Grant, sets: Mapping[str, Mapping[str, frozenset[str]]]) -> Grant:
    """The grant with the permissions of its sets, which may be defined there or above, instead of their names."""
    permissions: set[str] = set(grant.permissions)
    seen: set[str] = set()
    while names := {name for name in permissions if name.startswith("@")} - seen:
        seen |= names
        permissions |= {one for name in names for one in _of_set(name, grant.dataset, sets)}
    plain = frozenset(permissions - seen)
    return Grant(grant.dataset, grant.kind, grant.name, plain, grant.here, grant.below)


def _of_set(name: str, dataset: str, sets: Mapping[str, Mapping[str, frozenset[str]]]) -> Iterator[str]:
    for where, defined in sets.items():
        if relative(where, dataset) is not None:
            yield from defined.get(name, ())
