"""Looks at both ends, each taken once however many checks ask for it."""

from __future__ import annotations

import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zfspull.clock import Clock
from zfspull.config.schema import Config, Host, Job
from zfspull.errors import PermanentError
from zfspull.hosts.ends import Ends
from zfspull.hosts.failures import failure
from zfspull.hosts.process import Completed, run
from zfspull.site.once import Looks, once
from zfspull.zfs import commands
from zfspull.zfs.delegation import Delegation, parse_delegation
from zfspull.zfs.features import Feature, parse_features
from zfspull.zfs.model import Space, Tree
from zfspull.zfs.names import parent, pool
from zfspull.zfs.texts import Side
from zfspull.zfs.versions import Versions, parse_versions


LOOK_SECONDS = 60.0
"""For one command of a look; a listing of a large tree has the host's own, longer limit."""

_GATE = "zfspull-gate: refused"


@dataclass
class Here(Looks):
    """This machine.

    Attributes:
        config: what was loaded.
        ends: made for it.
        clock: time.
        daemon_user: who the daemon runs as.
        status: what the running daemon says, None if none answers.
        unreachable: why it does not answer, as far as that is more than that none runs.
        state: the daemon's directory of state.
    """

    config: Config
    ends: Ends
    clock: Clock
    daemon_user: str
    state: Path
    status: dict[str, Any] | None = None
    unreachable: str = ""

    @once
    async def versions(self) -> Versions:
        """The versions of OpenZFS here."""
        return parse_versions((await self.zfs(commands.version())).stdout)

    @once
    async def delegation(self, dataset: str) -> Delegation:
        """What is granted on a dataset here."""
        return parse_delegation((await self.zfs(commands.allow(dataset))).stdout)

    @once
    async def tree(self, root: str, *, recursive: bool) -> Tree:
        """A replica, or what else lies there."""
        return await self.ends.target.list_tree(root, recursive=recursive)

    async def nearest(self, dataset: str) -> str | None:
        """The dataset, or the nearest above it that exists; None if not even the pool does."""
        name: str | None = dataset
        while name is not None and not (await self.tree(name, recursive=False)).exists:
            name = parent(name)
        return name

    @once
    async def space(self, name: str) -> Space | None:
        """Room in a pool here; None if there is no such pool."""
        return await self.ends.target.space(name)

    @once
    async def features(self, name: str) -> dict[str, Feature]:
        """The features of a pool here."""
        words = [_zpool(self.config.target.zfs), *commands.pool_properties(name)]
        completed = await run(words, timeout_seconds=LOOK_SECONDS)
        if not completed.ok:
            raise failure(Side.TARGET, "zpool get", completed)
        return parse_features(completed.stdout)

    @once
    async def can_mount(self, root: str) -> dict[str, str]:
        """By name, `canmount` of all filesystems at and below `root`."""
        completed = await self.zfs(commands.list_canmount(root))
        rows = (line.partition("\t") for line in completed.stdout.splitlines())
        return {name: value for name, _, value in rows}

    async def zfs(self, words: list[str]) -> Completed:
        """Run ZFS's command here.

        Raises:
            ZfspullError: it failed.
        """
        completed = await run([*self.config.target.zfs, *words], timeout_seconds=LOOK_SECONDS)
        if not completed.ok:
            raise failure(Side.TARGET, f"zfs {words[0]}", completed)
        return completed


@dataclass
class There(Looks):
    """A host.

    Attributes:
        host: its settings.
        here: this machine.
    """

    host: Host
    here: Here

    @once
    async def gated(self) -> bool:
        """Whether zfspull-gate guards the login; that the login works is seen on the way.

        What is asked for is `true`: without a gate it does nothing, and a gate refuses it, as it refuses all it does
        not list.

        Raises:
            ZfspullError: the login does not work.
        """
        completed = await self._run(["true"])
        if completed.ok:
            return False
        if _GATE in completed.stderr:
            return True
        raise PermanentError(
            f"`true` failed there: {completed.stderr.strip()[:300] or 'no message'}",
            hint="the login needs a shell that runs commands: `usermod --shell /bin/sh USER` on the source",
            host=self.host.name,
            reason="login",
        )

    @once
    async def versions(self) -> Versions | None:
        """The versions of OpenZFS there; None if the gate does not tell."""
        completed = await self.ask(commands.version())
        return None if completed is None else parse_versions(completed.stdout)

    @once
    async def time(self) -> tuple[float, int, float] | None:
        """The time here, the host's in whole seconds, and that here afterwards; None if the gate does not tell."""
        gated = await self.gated()
        before = self.here.clock.now()
        completed = await self._run(["date", "+%s"])
        after = self.here.clock.now()
        text = completed.stdout.strip()
        if completed.ok and text.isascii() and text.isdigit() and len(text) < 15:  # noqa: PLR2004 - digits of a time
            return before, int(text), after
        if gated and _GATE in completed.stderr:
            return None
        raise failure(Side.SOURCE, "date +%s", completed, host=self.host.name)

    @once
    async def tree(self, root: str, *, recursive: bool) -> Tree:
        """A source."""
        await self.gated()
        return await self.here.ends.source(self.host.name).list_tree(root, recursive=recursive)

    @once
    async def delegation(self, dataset: str) -> Delegation | None:
        """What is granted on a dataset there; None if the gate does not tell."""
        completed = await self.ask(commands.allow(dataset))
        return None if completed is None else parse_delegation(completed.stdout)

    @once
    async def used_bytes(self, dataset: str) -> int | None:
        """What a dataset and all below it take there; None if the gate does not tell."""
        completed = await self.ask(commands.list_used(dataset))
        text = completed.stdout.partition("\t")[2].strip() if completed else ""
        return int(text) if text.isascii() and text.isdigit() else None

    @once
    async def features(self, dataset: str) -> dict[str, Feature] | None:
        """The features of the pool of a dataset there; None if the gate does not tell."""
        if await self.gated():
            return None
        completed = await self._run([_zpool(self.host.zfs), *commands.pool_properties(pool(dataset))])
        if not completed.ok:
            raise failure(Side.SOURCE, "zpool get", completed, host=self.host.name)
        return parse_features(completed.stdout)

    async def ask(self, words: list[str]) -> Completed | None:
        """Run zfs(8) there; None if the gate refused.

        Raises:
            ZfspullError: it failed otherwise, or the login does not work.
        """
        gated = await self.gated()
        completed = await self._run([*self.host.zfs, *words])
        if completed.ok:
            return completed
        if gated and _GATE in completed.stderr:
            return None
        raise failure(Side.SOURCE, f"zfs {words[0]}", completed, host=self.host.name)

    async def _run(self, words: list[str]) -> Completed:
        connection = self.here.ends.connection(self.host.name)
        return await connection.run(words, timeout_seconds=min(LOOK_SECONDS, self.host.command_timeout_seconds))


@dataclass
class JobLooks(Looks):
    """A job, with this machine and its host."""

    job: Job
    there: There

    @property
    def here(self) -> Here:
        """This machine."""
        return self.there.here

    async def source(self) -> Tree:
        """The source's tree."""
        return await self.there.tree(self.job.source, recursive=self.job.recursive)

    async def target(self) -> Tree:
        """The replica's tree."""
        return await self.here.tree(self.job.target, recursive=self.job.recursive)


def user_name(uid: int) -> str:
    """The name of a user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _zpool(zfs: tuple[str, ...]) -> str:
    """zpool(8), called as zfs(8) is; it needs no sudo, for features may be read by everybody."""
    return f"{zfs[-1].removesuffix('zfs')}zpool"
