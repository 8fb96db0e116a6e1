"""What `setup` is to make, as a value, and which names follow from which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zfspull.config.new_job import NewJob
from zfspull.config.schema import Config, Host
from zfspull.plan.cursors import CursorKind
from zfspull.plan.grants import Verb, cursor_for, job_needs
from zfspull.zfs.names import parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """A host and its jobs as they are to be.

    Attributes:
        host: with its settings.
        is_new: whether it has yet to come into the main file.
        jobs: those that are new.
        roots: all datasets that the host's jobs pull, the old ones' too: the gate and `zfs allow` name them all.
        verbs: what zfspull may do there, for all of them.
        gate: whether the gate is to guard the login.
        daemon_user: who the daemon runs as here.
    """

    host: Host
    is_new: bool
    jobs: tuple[NewJob, ...]
    roots: tuple[str, ...]
    verbs: tuple[Verb, ...]
    gate: bool
    daemon_user: str

    @property
    def parents(self) -> tuple[str, ...]:
        """What the targets of the new jobs lie in."""
        return tuple(dict.fromkeys(parent(job.target) or job.target for job in self.jobs))


def wished(
    host: Host,
    jobs: Sequence[NewJob],
    verbs: Sequence[Verb],
    config: Config,
    *,
    gate: bool,
    daemon_user: str,
) -> Wishes:
    """The wishes, completed by what is configured already: jobs that are there are not new, and keep what they need."""
    old = [job for job in config.jobs.values() if job.host == host.name]
    sources = {job.source for job in old}
    needed = set(verbs)
    for job in old:
        needs = job_needs(take=job.snapshots.take, cursor=job.cursor, prunes=job.keep_source is not None)
        needed |= {*needs.required, *needs.wanted[:1]}
    everything = tuple(verb for verb in Verb if verb in needed)
    return Wishes(
        host=host,
        is_new=host.name not in config.hosts,
        jobs=tuple(replace(job, cursor=_cursor(verbs)) for job in jobs if job.source not in sources),
        roots=tuple(dict.fromkeys([*(job.source for job in old), *(job.source for job in jobs)])),
        verbs=everything,
        gate=gate,
        daemon_user=daemon_user,
    )


def job_name(host: str, source: str) -> str:
    """A name for a job: of the host and of the last part of the dataset; what names may not have becomes `_`."""
    last = source.rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{host}-{last}")[:64]


def target_for(target: str, source: str, *, several: bool) -> str:
    """The target of a source: as given for one, below what is given for several."""
    return f"{target}/{source.rpartition('/')[2]}" if several else target


def _cursor(verbs: Sequence[Verb]) -> CursorKind:
    return cursor_for(verbs)
