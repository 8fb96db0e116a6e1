"""Checks of a host: that it lets us in, what guards the login, OpenZFS there, and its clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from zfspull.config.units import format_duration
from zfspull.plan.clock_skew import TOLERATED_SECONDS, skew_seconds
from zfspull.site.finding import Said, note, ok, warn
from zfspull.site.looks import There
from zfspull.site.machine_checks import say_versions
from zfspull.zfs.model import Dataset
from zfspull.zfs.texts import Side


async def _login(there: There) -> list[Said]:
    await there.gated()
    host = there.host
    return [ok(f"{host.user}@{host.address} lets us in, and its host key is the known one")]


async def _gate(there: There) -> list[Said]:
    if await there.gated():
        return [ok("zfspull-gate guards the login: it runs what a pull needs and nothing else")]
    text = "no gate guards the login: who has the key may run any command there as that user"
    return [note(text, f"zfspull setup {there.host.name}")]


async def _zfs(there: There) -> list[Said]:
    versions = await there.versions()
    if versions is None:
        return [note("the gate does not tell the version of OpenZFS", "on the source: zfs version")]
    datasets = await _datasets(there)
    encrypted = not datasets or any(dataset.encrypted for dataset in datasets)
    return list(say_versions(versions, Side.SOURCE, "on the source", encrypted=encrypted))


async def _datasets(there: There) -> list[Dataset]:
    """Those of the host's jobs."""
    jobs = [job for job in there.here.config.jobs.values() if job.host == there.host.name]
    trees = [await there.tree(job.source, recursive=job.recursive) for job in jobs]
    return [dataset for tree in trees for dataset in tree.datasets.values()]


async def _clock(there: There) -> list[Said]:
    times = await there.time()
    if times is None:
        # What is left to go by: a snapshot there can't be of a time that has not come yet.
        now = there.here.clock.now()
        newest = max((one.creation for dataset in await _datasets(there) for one in dataset.snapshots), default=0)
        if newest - now <= TOLERATED_SECONDS:
            return [note("the gate does not tell the time; a pull that takes a snapshot warns if the clocks differ")]
        times = now, newest, now
    skew = skew_seconds(*times)
    if abs(skew) <= TOLERATED_SECONDS:
        return [ok("its clock and the one here agree")]
    way = "ahead of" if skew > 0 else "behind"
    text = f"its clock is {format_duration(round(abs(skew)))} {way} the one here; retention goes by the source's time"
    return [warn(text, "timedatectl set-ntp true  (on the machine whose clock is wrong)")]


HOST_CHECKS: Mapping[str, Callable[[There], Awaitable[list[Said]]]] = {
    "login": _login,
    "gate": _gate,
    "zfs": _zfs,
    "clock": _clock,
}
"""By name, in the order in which they are told."""
