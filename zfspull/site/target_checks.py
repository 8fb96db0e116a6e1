"""Checks of a job's target: whether the daemon may write there, whether it fits, and what state the replicas are in."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from zfspull.config.units import format_bytes
from zfspull.plan.grants import ON_TARGET, target_permissions
from zfspull.site.finding import Said, fail, note, ok, warn
from zfspull.site.looks import JobLooks
from zfspull.zfs.delegation import missing
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import parent, pool, relative


_SHOWN = 3


async def permissions(looks: JobLooks) -> list[Said]:
    """May the daemon's user do there what it does?"""
    here, job = looks.here, looks.job
    settings = here.config.target
    if here.daemon_user == "root" or len(settings.zfs) > 1:
        return [ok("the daemon runs as root, and may do everything on the target")]
    place = await here.nearest(parent(job.target) or job.target)
    if place is None:
        return []  # the pool is not there, and another check says so
    properties = {*settings.properties, *settings.filesystem_properties, *settings.exclude_properties}
    needed = target_permissions(properties)
    held = (await here.delegation(place)).held(place, here.daemon_user, recursive=True)
    lacks = missing(needed, held)
    if not lacks:
        return [ok(f"{here.daemon_user} may do below {place} what the job does")]
    mend = f"zfs allow -u {shlex.quote(here.daemon_user)} {','.join(lacks)} {shlex.quote(place)}"
    why = {grant.permission: grant.why for grant in ON_TARGET}
    text = (
        f"{here.daemon_user} may not {', '.join(lacks)} below {place} ({why.get(lacks[0], 'a property that is set')})"
    )
    return [(fail if {grant.permission for grant in ON_TARGET if grant.always} & set(lacks) else warn)(text, mend)]


async def space(looks: JobLooks) -> list[Said]:
    """Does the first pull fit?"""
    job = looks.job
    room = await looks.here.space(pool(job.target))
    source = await looks.source()
    if room is None or not source.exists or (await looks.target()).exists:
        return []  # increments are small, and how much room there is is told for the pool
    used = await looks.there.used_bytes(job.source)
    if used is None:
        return [note("the gate does not tell how large the source is", f"zfspull plan {job.name}")]
    sizes = f"{job.source} takes {format_bytes(used)}, and {format_bytes(room.available_bytes)} are left here"
    return [warn(f"the first pull may not fit: {sizes}") if used > room.available_bytes else ok(f"it fits: {sizes}")]


async def replicas(looks: JobLooks) -> list[Said]:
    """Can anybody change the replicas?"""
    tree = await looks.target()
    copies = [dataset for dataset in tree.datasets.values() if dataset.newest or dataset.resume_token]
    if not copies:
        return []
    can_mount = await looks.here.can_mount(tree.root)
    writable = [dataset.name for dataset in copies if not dataset.readonly]
    mounted = [dataset.name for dataset in copies if dataset.mounted]
    by_itself = [dataset.name for dataset in copies if can_mount.get(dataset.name) == "on"]
    said: list[Said] = []
    if writable:
        text = "is not read-only: a change would stop its increments"
        said.append(warn(_of_many(writable, text), _each("zfs set readonly=on", writable)))
    if mounted:
        danger = [name for name in mounted if name in writable]
        said.append(
            (warn if danger else note)(
                _of_many(danger or mounted, "is mounted"), _each("zfs unmount", danger or mounted)
            )
        )
    if by_itself:
        text = "would be mounted at boot (`canmount=on`)"
        said.append(warn(_of_many(by_itself, text), _each("zfs set canmount=noauto", by_itself)))
    return said or [
        ok(
            f"the {len(copies)} replicas are read-only and not mounted"
            if len(copies) > 1
            else "the replica is read-only and not mounted"
        )
    ]


async def keys(looks: JobLooks) -> list[Said]:
    """Is what is encrypted there encrypted here, by itself, without a key? And the key here of what is plain there?"""
    source, target = await looks.source(), await looks.target()
    pairs = [(one, target.datasets[path]) for path, one in source.datasets.items() if path in target.datasets]
    pairs = [(one, replica) for one, replica in pairs if replica.newest]
    raw = [replica for one, replica in pairs if one.encrypted]
    ours = [replica for one, replica in pairs if not one.encrypted and _outside(target, replica)]
    said: list[Said] = []
    if loaded := sorted({_root(replica) for replica in raw if replica.key_available}):
        text = "has its key loaded here: whoever takes this machine can read it"
        said.append(warn(_of_many(loaded, text), _each("zfs unload-key", loaded)))
    if foreign := [replica.name for replica in raw if _outside(target, replica)]:
        text = "is encrypted with a key of this machine: it was not received raw, and pulls will be refused"
        said.append(fail(_of_many(foreign, text)))
    if plain := [replica.name for replica in raw if not replica.encrypted]:
        said.append(fail(_of_many(plain, "is not encrypted here, though its source is")))
    if locked := sorted({_root(replica) for replica in ours if not replica.key_available}):
        text = "is locked: what is plain on the source is encrypted with its key, and pulls are refused without it"
        said.append(fail(_of_many(locked, text), _each("zfs load-key", locked)))
    encrypted = [replica for replica in raw if replica.encrypted]
    if said:
        return said
    if encrypted:
        said.append(ok(f"{len(encrypted)} encrypted, and no key is here"))
    if ours:
        said.append(ok(f"{len(ours)} plain there and encrypted here, and the key is loaded"))
    return said


def _outside(target: Tree, replica: Dataset) -> bool:
    """Whether its key comes from above the job's replicas."""
    return replica.encryption_root is not None and relative(target.root, replica.encryption_root) is None


def _root(dataset: Dataset) -> str:
    return dataset.encryption_root or dataset.name


def _of_many(names: list[str], text: str) -> str:
    """`a is mounted`, `a and 3 more: is mounted`."""
    return f"{names[0]} {text}" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more: each {text}"


def _each(command: str, names: Iterable[str]) -> str:
    """The command for each, or for the first few."""
    words = list(names)
    more = f"  (and {len(words) - _SHOWN} more)" if len(words) > _SHOWN else ""
    return "; ".join(f"{command} {shlex.quote(name)}" for name in words[:_SHOWN]) + more
