"""All checks over all hosts and jobs, side by side; trouble in one is a finding and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from zfspull.config.schema import Job
from zfspull.errors import ZfspullError
from zfspull.site.finding import Finding, Said, fail, warn
from zfspull.site.host_checks import HOST_CHECKS
from zfspull.site.job_checks import JOB_CHECKS
from zfspull.site.looks import Here, JobLooks, There
from zfspull.site.machine_checks import MACHINE_CHECKS


CHECK_SECONDS = 120.0
"""How long one check may take, all that it waits for included."""

_Looks = TypeVar("_Looks", Here, There, JobLooks)
_Check = Callable[[_Looks], Awaitable[list[Said]]]

_MEND: Mapping[str, str] = {
    "host_key": "compare `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the source with `zfspull setup {host}`",
    "authentication": "zfspull setup {host}",
    "no_zfs": "give `zfs` its full path in the host's settings, such as `zfs: /usr/sbin/zfs`",
}
"""By reason of an error, what to do, where that is more than the error's own hint."""


_OF_HOST = frozenset({*_MEND, "unreachable", "connection_lost", "timeout", "login"})
"""Reasons of errors that are about a whole host, whatever was tried there."""


async def examine(here: Here, jobs: Sequence[Job], *, check_seconds: float = CHECK_SECONDS) -> list[Finding]:
    """Look at this machine, at the hosts of `jobs` and at the jobs, and say what was found, in that order.

    Args:
        here: this machine; its looks are closed in the end.
        jobs: which.
        check_seconds: how long one check may take.
    """
    names = list(dict.fromkeys(job.host for job in jobs))
    theres = {name: There(here.config.hosts[name], here) for name in names}
    scenes = [JobLooks(job, theres[job.host]) for job in jobs]
    try:
        groups = await asyncio.gather(
            _all(MACHINE_CHECKS, here, "", "", check_seconds),
            *(_all(HOST_CHECKS, there, name, "", check_seconds) for name, there in theres.items()),
            *(_all(JOB_CHECKS, looks, looks.job.host, looks.job.name, check_seconds) for looks in scenes),
        )
    finally:
        for looks in (*scenes, *theres.values(), here):
            await looks.close()
    return _each_once([outcome for group in groups for outcome in group])


_Outcome = tuple[list[Finding], ZfspullError | None]


async def _all(
    checks: Mapping[str, _Check[_Looks]], looks: _Looks, host: str, job: str, check_seconds: float
) -> list[_Outcome]:
    """What each check of a table says, and the error that ended it if one did."""

    async def one(name: str, check: _Check[_Looks]) -> _Outcome:
        error = None
        try:
            async with asyncio.timeout(check_seconds):
                said = await check(looks)
        except ZfspullError as caught:
            error = caught
            mend = _MEND[error.reason].format(host=host) if host and error.reason in _MEND else error.hint
            said = [fail(error.message, mend)]
        except TimeoutError:
            said = [
                warn(f"this took longer than {check_seconds:.0f} s and was given up", "try again; is it very busy?")
            ]
        except Exception as bug:  # noqa: BLE001 - a check that breaks must not hide what the others found
            said = [warn(f"the check itself failed: {bug!r}", "this is a mistake in zfspull; please report it")]
        findings = [
            Finding(check=name, level=one.level, text=one.text, mend=one.mend, host=host, job=job) for one in said
        ]
        return findings, error

    return await asyncio.gather(*(one(name, check) for name, check in checks.items()))


def _each_once(outcomes: Sequence[_Outcome]) -> list[Finding]:
    """All findings; of those from one and the same trouble, as when a host is out of reach, only the first."""
    seen: set[object] = set()
    told: list[Finding] = []
    for findings, error in outcomes:
        trouble = None if error is None else (error.host, error.reason) if error.reason in _OF_HOST else id(error)
        if trouble is None or trouble not in seen:
            told += findings
        seen.add(trouble)
    return told
