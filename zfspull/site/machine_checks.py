"""Checks of this machine: OpenZFS, pools, the daemon and its files. Each is told alone; the table is at the end."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from zfspull.config.units import format_bytes
from zfspull.hosts.ends import default_key
from zfspull.hosts.process import run
from zfspull.site.finding import Said, fail, note, ok, warn
from zfspull.site.looks import LOOK_SECONDS, Here, user_name
from zfspull.site.unit import UNIT, hands_over
from zfspull.zfs.names import pool
from zfspull.zfs.texts import Side
from zfspull.zfs.versions import Versions, bugs, shown


_NAME = "zfspull"
_HTTP_SECONDS = 5.0
_UNIT_STATES = {"": "not installed", "not-found": "not installed"}
_READ, _ENTER = 4, 1  # bits of a mode


async def _zfs(here: Here) -> list[Said]:
    return list(say_versions(await here.versions(), Side.TARGET, "here", encrypted=True))


def say_versions(versions: Versions, side: Side, where: str, *, encrypted: bool) -> Iterator[Said]:
    """What is to be said of a version on one side; `where` in words."""
    version = versions.effective
    if version is None:
        yield warn(f"`zfs version` {where} says no version", "look whether zfs(8) is OpenZFS 2.0 or newer")
        return
    yield ok(f"OpenZFS {shown(version)} {where}")
    if versions.differ and versions.commands:
        yield note(
            f"the commands {where} are of OpenZFS {shown(versions.commands)}, the kernel module of {shown(version)}",
            "reboot, so that both are the same",
        )
    for bug in bugs(version, side, encrypted=encrypted):
        say = warn if bug.hits_pulls else note
        yield say(f"OpenZFS {shown(version)} {where}: {bug.text} ({bug.issue})", f"upgrade to {bug.mended} or newer")


async def _pools(here: Here) -> list[Said]:
    said = []
    for name in sorted({pool(job.target) for job in here.config.jobs.values()}):
        space = await here.space(name)
        if space is None:
            said.append(fail(f"there is no pool {name} here", f"zpool import {name}"))
        elif here.config.limits.low_space.is_short(space):
            mend = f"zfs list -o space -r {name}"
            said.append(warn(f"pool {name} is short of room: {format_bytes(space.available_bytes)} are left", mend))
        else:
            said.append(ok(f"pool {name} has {format_bytes(space.available_bytes)} left"))
    return said


async def _daemon(here: Here) -> list[Said]:
    if here.unreachable:
        return [note(f"the daemon can't be asked: {here.unreachable}")]
    if here.status is None:
        return [note("no daemon is running: nothing is pulled on schedule", f"systemctl enable --now {_NAME}")]
    config = here.status.get("config", {})
    if not config.get("ok", True):
        text = f"the daemon goes on with an older configuration: {config.get('message', '')}"
        return [warn(text, "zfspull check-config && zfspull reload")]
    unknown = sorted(here.config.jobs.keys() - here.status.get("jobs", {}).keys())
    if unknown:
        return [warn(f"the daemon does not know: {', '.join(unknown)}", "zfspull reload")]
    return [ok("the daemon is running, with this configuration")]


async def _unit(here: Here) -> list[Said]:
    if (systemctl := shutil.which("systemctl")) is None:
        return []
    completed = await run([systemctl, "is-enabled", UNIT], timeout_seconds=LOOK_SECONDS)
    state = completed.stdout.strip()
    if state.startswith("enabled"):
        return [ok("the unit is enabled: it starts with the machine")]
    if state in ("disabled", "masked") or here.status is None:
        return [note(f"the unit is {_UNIT_STATES.get(state, state)}", f"systemctl enable --now {_NAME}")]
    return []


async def _http(here: Here) -> list[Said]:
    http = here.config.http
    if http is None or here.status is None:
        return []
    where = f"{http.address} port {http.port}"
    try:
        async with asyncio.timeout(_HTTP_SECONDS):
            _, writer = await asyncio.open_connection(http.address, http.port)
    except (OSError, TimeoutError) as error:
        return [warn(f"nothing listens at {where}: {error}", f"journalctl -u {_NAME}; see `http` in zfspull.yaml")]
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return [ok(f"metrics are served at {where}")]


async def _state(here: Here) -> list[Said]:
    return [_state_directory(here.state, here.daemon_user)]


def _state_directory(state: Path, daemon_user: str) -> Said:
    try:
        if not state.exists():
            return note(f"{state} is not there yet; systemd makes it when the daemon starts")
        files = [state, *state.iterdir(), *(state / "locks").glob("*")]
        others = {str(file): owner for file in files if (owner := user_name(file.stat().st_uid)) != daemon_user}
    except PermissionError:
        return note(f"{state} can't be looked into by this user", "run this as root")
    if others:
        name, owner = next(iter(others.items()))
        text = f"{name} belongs to {owner}, and the daemon runs as {daemon_user}"
        mend = f"chown -R {daemon_user}: {state}"
        # Root can write to it whosoever it is.
        return note(text, mend) if daemon_user == "root" else warn(text, mend)
    return ok(f"{state} belongs to {daemon_user}, as whom the daemon runs")


async def _files(here: Here) -> list[Said]:
    config = here.config
    keys = {Path(host.key) if host.key else default_key() for host in config.hosts.values()}
    handed_over = {key for key in keys if await hands_over(key)}
    known = {Path(host.known_hosts) for host in config.hosts.values()}
    files = sorted({*map(Path, config.sources), *keys, *known})
    said = []
    for file in files:
        try:
            readable = readable_by(file, "root" if file in handed_over else here.daemon_user)
        except FileNotFoundError:
            said.append(warn(f"{file} is not there", "zfspull setup HOST"))
        except PermissionError:
            said.append(note(f"{file} can't be looked at by this user", "run this as root"))
        else:
            if not readable:
                mend = f"chgrp {here.daemon_user} {file} && chmod g+r {file}  (and g+x on its directories)"
                said.append(fail(f"{here.daemon_user}, as whom the daemon runs, may not read {file}", mend))
            elif file in keys and file.stat().st_mode & 0o077:
                said.append(warn(f"the key {file} can be read by others", f"chmod 600 {file}"))
    return said or [ok("configuration, keys and known hosts can be read by the daemon")]


def readable_by(file: Path, user: str) -> bool:
    """Whether a user may read a file, by the modes of the file and of all directories above it.

    Raises:
        OSError: it is not there, or can't be looked at.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return True  # nobody can tell
    groups = os.getgrouplist(user, entry.pw_gid)

    def may(path: Path, bit: int) -> bool:
        seen = path.stat()
        shift = 6 if seen.st_uid == entry.pw_uid else 3 if seen.st_gid in groups else 0
        return entry.pw_uid == 0 or bool(seen.st_mode >> shift & bit)

    path = file.resolve(strict=True)
    return may(path, _READ) and all(may(directory, _ENTER) for directory in path.parents)


MACHINE_CHECKS: Mapping[str, Callable[[Here], Awaitable[list[Said]]]] = {
    "zfs": _zfs,
    "pools": _pools,
    "daemon": _daemon,
    "unit": _unit,
    "http": _http,
    "files": _files,
    "state": _state,
}
"""By name, in the order in which they are told."""
