"""Checks of a job's source: what is there to pull, and whether the login may."""

from __future__ import annotations

import shlex

from zfspull.plan.exclude import excluded
from zfspull.plan.grants import Verb, job_needs, source_permissions
from zfspull.site.finding import Said, fail, note, ok, warn
from zfspull.site.looks import JobLooks
from zfspull.zfs.delegation import missing
from zfspull.zfs.features import lacking
from zfspull.zfs.names import pool


_TOO_MUCH = frozenset({"receive", "receive:append", "rollback", "load-key", "change-key", "rename", "clone", "promote"})
"""What a backup never needs on its source, and what could do harm there."""


async def snapshots(looks: JobLooks) -> list[Said]:
    """Is the source there, and has it anything that the job wants?"""
    job = looks.job
    tree = await looks.source()
    if not tree.exists:
        return [fail(f"there is no dataset {job.source} there", "zfs list  (on the source); is the pool imported?")]
    included = {path: one for path, one in tree.datasets.items() if not excluded(path, job.policy.exclude)}
    lonely = [
        dataset.name
        for dataset in included.values()
        if not any(job.policy.wants(snapshot) for snapshot in dataset.snapshots)
    ]
    said = [
        ok(f"{job.source} has {len(included)} datasets to pull" if len(included) != 1 else f"{job.source} is there")
    ]
    if len(lonely) == len(included) and not job.snapshots.take:
        match = f" that match {job.snapshots.match!r}" if job.snapshots.match else ""
        text = f"the source has no snapshots{match}, and the job takes none: there is nothing to pull"
        said.append(warn(text, "`snapshots: {take: true}` in the job, or a tool that takes them there"))
    elif lonely and not job.snapshots.take:
        said.append(note(f"{len(lonely)} of them have no snapshot that the job wants, such as {lonely[0]}"))
    return said


async def permissions(looks: JobLooks) -> list[Said]:
    """May the login do what the job does?"""
    job, host = looks.job, looks.there.host
    needs = job_needs(take=job.snapshots.take, cursor=job.cursor, prunes=job.keep_source is not None)
    if host.user == "root" or len(host.zfs) > 1:
        text = f"{host.user} may do everything on the source; a user of its own with `zfs allow` could do less harm"
        return [note(text, f"zfspull setup {host.name}")]
    if not (await looks.source()).exists:
        return []
    delegation = await looks.there.delegation(job.source)
    if delegation is None:
        return [note("the gate does not tell what is granted", f"on the source: zfs allow {shlex.quote(job.source)}")]
    held = delegation.held(job.source, host.user, recursive=job.recursive)
    lacks = missing(source_permissions(needs.required), held)
    by_group = [name for name in lacks if delegation.groups(job.source, name)]
    lacks = tuple(name for name in lacks if name not in by_group)
    allow = f"zfs allow -u {shlex.quote(host.user)} {{}} {shlex.quote(job.source)}  (on the source)"
    said: list[Said] = []
    if lacks:
        said.append(fail(f"{host.user} may not {_listed(lacks)} on {job.source}", allow.format(",".join(lacks))))
    if by_group:
        said.append(note(f"{', '.join(by_group)} on {job.source} is granted to a group; is {host.user} in it?"))
    if needs.wanted and all(missing(source_permissions([verb]), held) for verb in needs.wanted):
        mend = allow.format(",".join(source_permissions([Verb.HOLD])))
        said.append(
            note("nothing may keep the base on the source usable (`cursor: auto` needs hold and release)", mend)
        )
    if too_much := sorted(held & _TOO_MUCH):
        mend = (
            f"zfs unallow -u {shlex.quote(host.user)} {','.join(too_much)} {shlex.quote(job.source)}  (on the source)"
        )
        said.append(warn(f"{host.user} may also {_listed(too_much)} on {job.source}; no pull needs that", mend))
    return said or [ok(f"{host.user} may do on {job.source} what the job does")]


async def features(looks: JobLooks) -> list[Said]:
    """Can the pool here take what streams from there may have?"""
    job = looks.job
    there = await looks.there.features(job.source)
    if there is None:
        return []  # the gate tells no features; `zfs recv` says what it can't take
    name = pool(job.target)
    lacks = list(lacking(there, await looks.here.features(name)))
    return [
        warn(
            f"pool {name} can't take {feature.what}: it lacks the feature {feature.name}, which the source uses",
            f"zpool set feature@{feature.name}=enabled {shlex.quote(name)}"
            if feature.known
            else "upgrade OpenZFS here, then `zpool upgrade`",
        )
        for feature in lacks
    ] or [ok(f"pool {name} has the features that streams from there need")]


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words)
