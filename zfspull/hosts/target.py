"""The target: the pools of this machine. The only module that calls `zfs destroy`, `zfs create` and `zfs receive`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from zfspull.errors import PermanentError
from zfspull.hosts.failures import failure, listed
from zfspull.hosts.feeding import feed
from zfspull.hosts.ports import Destroyed, Receiving
from zfspull.hosts.process import Completed, run
from zfspull.plan.steps import Step
from zfspull.zfs import commands
from zfspull.zfs.listing import ListingError, parse_arrived, parse_tree
from zfspull.zfs.model import Arrived, Kind, Tree
from zfspull.zfs.names import snapshot_name_error
from zfspull.zfs.stderr import Side, classify, says_missing


PLACEHOLDER = "zfspull:placeholder"
"""User property of the empty filesystems that zfspull creates so that a replica has a parent."""

_RECEIVE_PATIENCE_SECONDS = 60.0
_BATCH = 100
_NOTHING_TO_ABORT = "does not have any resumable receive state"
_EXISTS = "dataset already exists"
_ALREADY_GONE = ("could not find any snapshots to destroy", "does not exist")


class LocalTarget:
    """The local pools, by way of zfs(8).

    Args:
        zfs: the words that start zfs(8), e.g. `("sudo", "-n", "zfs")`.
        properties: set on every received dataset (`zfs receive -o`).
        filesystem_properties: set on received filesystems only.
        exclude_properties: not taken from a stream (`zfs receive -x`), on filesystems only.
        command_timeout_seconds: how long a listing or a destroy may take.
    """

    def __init__(
        self,
        *,
        zfs: Sequence[str] = ("zfs",),
        properties: Mapping[str, str] | None = None,
        filesystem_properties: Mapping[str, str] | None = None,
        exclude_properties: Sequence[str] = ("mountpoint",),
        command_timeout_seconds: float = 3600.0,
    ) -> None:
        self._zfs = tuple(zfs)
        self._properties = dict({"readonly": "on"} if properties is None else properties)
        self._filesystem_properties = dict(
            {"canmount": "noauto"} if filesystem_properties is None else filesystem_properties
        )
        self._exclude_properties = tuple(exclude_properties)
        self._timeout = command_timeout_seconds

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with their snapshots, by two commands; empty if there is none."""
        datasets = await self._run(commands.list_datasets(root, recursive=recursive))
        if not listed(datasets, Side.TARGET, dataset=root):
            return Tree(root=root)
        columns = commands.TARGET_POINT_COLUMNS
        points = await self._run(commands.list_points(root, recursive=recursive, bookmarks=False, columns=columns))
        if not listed(points, Side.TARGET, dataset=root):
            return Tree(root=root)
        try:
            return parse_tree(root, datasets.stdout, points.stdout, columns)
        except ListingError as error:
            raise PermanentError(
                f"`zfs list` here printed what zfs never prints: {error}", dataset=root, reason="listing"
            ) from error

    async def look(self, name: str, snapshot: str) -> Arrived:
        """What is there of dataset `name` and its `snapshot`: the look after a step."""
        completed = await self._run(commands.list_after_step(name, snapshot))
        if not completed.ok and not says_missing(completed.stderr):
            raise failure(Side.TARGET, "zfs list", completed, dataset=name)
        try:
            return parse_arrived(completed.stdout)
        except ListingError as error:
            raise PermanentError(str(error), dataset=name, reason="listing") from error

    async def create_placeholder(self, name: str, *, stay_plain: bool) -> None:
        """Create the filesystem `name` as an empty, unmounted placeholder; fine if it exists. See the protocol."""
        properties = {"canmount": "off", PLACEHOLDER: "on"}
        if stay_plain:
            properties["encryption"] = "off"
        completed = await self._run(commands.create(name, properties=properties))
        if not completed.ok and _EXISTS not in completed.stderr:
            raise failure(Side.TARGET, "zfs create", completed, dataset=name)

    @asynccontextmanager
    async def receive(self, name: str, step: Step) -> AsyncIterator[Receiving]:
        """Start `zfs recv` into `name`; leaving the context ends and reaps the process whatever happened."""
        properties = dict(self._properties)
        exclude: tuple[str, ...] = ()
        if step.dataset_kind is Kind.FILESYSTEM:
            properties |= self._filesystem_properties
            exclude = self._exclude_properties
        if step.stay_plain:
            properties["encryption"] = "off"
        words = commands.receive(name, properties=properties, exclude=exclude)
        async with feed([*self._zfs, *words], patience_seconds=_RECEIVE_PATIENCE_SECONDS) as receiving:
            yield receiving

    async def abort_receive(self, name: str) -> None:
        """Throw the partial state of an interrupted receive away; fine if there is none."""
        completed = await self._run(commands.abort_receive(name))
        if not completed.ok and _NOTHING_TO_ABORT not in completed.stderr and not says_missing(completed.stderr):
            raise failure(Side.TARGET, "zfs receive -A", completed, dataset=name)

    async def rollback(self, name: str, snapshot: str) -> None:
        """Roll `name` back to `snapshot`, which destroys every later one; only ever as a job's remedy."""
        if error := snapshot_name_error(snapshot):
            raise ValueError(error)
        completed = await self._run(commands.rollback(name, snapshot))
        if not completed.ok:
            raise failure(Side.TARGET, "zfs rollback", completed, dataset=name)

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a dataset with all below it."""
        completed = await self._run(commands.rename(name, new_name))
        if not completed.ok:
            raise failure(Side.TARGET, "zfs rename", completed, dataset=name)

    async def destroy_snapshots(self, name: str, snapshots: Sequence[str], *, dry_run: bool) -> Destroyed:
        """Destroy snapshots of one dataset in batches; those that can't be destroyed are reported, not raised.

        A batch is destroyed whole or not at all, so a batch that fails is gone through one by one.

        Raises:
            ValueError: if a name is no plain snapshot name, such as a range.
        """
        for snapshot in snapshots:
            if error := snapshot_name_error(snapshot):
                raise ValueError(error)
        gone: list[str] = []
        skipped: list[tuple[str, str]] = []
        for start in range(0, len(snapshots), _BATCH):
            batch = snapshots[start : start + _BATCH]
            if await self._destroy(name, batch, dry_run=dry_run) is None:
                gone += batch
                continue
            for snapshot in batch:
                reason = await self._destroy(name, [snapshot], dry_run=dry_run)
                if reason is None:
                    gone.append(snapshot)
                else:
                    skipped.append((snapshot, reason))
        return Destroyed(tuple(gone), tuple(skipped))

    async def _destroy(self, name: str, batch: Sequence[str], *, dry_run: bool) -> str | None:
        """Destroy a batch; None if it is gone, else a short reason."""
        completed = await self._run(commands.destroy_snapshots(name, batch, dry_run=dry_run))
        gone = len(batch) == 1 and any(text in completed.stderr for text in _ALREADY_GONE)
        if completed.ok or gone:  # of several, one that is missing says nothing about the others
            return None
        row = classify(Side.TARGET, completed.stderr)
        return row.reason if row else completed.stderr.strip()[:200]

    async def _run(self, words: Sequence[str]) -> Completed:
        return await run([*self._zfs, *words], timeout_seconds=self._timeout)
