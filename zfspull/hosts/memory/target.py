"""The target port over in-memory pools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from zfspull.hosts.failures import failure
from zfspull.hosts.memory import changes, receiving
from zfspull.hosts.memory.faults import Faults, take, trip
from zfspull.hosts.memory.intake import Intake
from zfspull.hosts.memory.listings import MemoryListings
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.hosts.ports import Destroyed, Receiving
from zfspull.hosts.process import Completed
from zfspull.plan.steps import Step
from zfspull.zfs.model import Arrived, Dataset, Space, Tree
from zfspull.zfs.names import ancestors, destroyable_error, snapshot_name_error
from zfspull.zfs.stderr import classify, says_missing
from zfspull.zfs.texts import Side


class MemoryTarget:
    """The pools here, in memory.

    Args:
        pools: what there is.
        faults: what is to go wrong.

    Attributes:
        commands: the zfs commands that a real target would have run, by their first word.
    """

    def __init__(self, pools: Pools, *, faults: Faults | None = None) -> None:
        self.pools = pools
        self.faults = faults or Faults()
        self.commands: list[str] = []
        self._listings = MemoryListings(pools, self._called, bookmarks=False)

    @property
    def listings(self) -> MemoryListings:
        """Their listings in parts."""
        return self._listings

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root`; as two commands, of which the second is spared where there is nothing."""
        await self._called("list")
        tree = self.pools.tree(root, recursive=recursive)
        if tree.exists:
            self.commands.append("list")
        return tree

    async def space(self, pool: str) -> Space | None:
        """How much of a pool is in use and how much is available; None if there is no such pool."""
        await self._called("list")
        return self.pools.space() if pool in self.pools.nodes else None

    async def nearest(self, name: str) -> Dataset | None:
        """The dataset `name`, or else the nearest one above it; None if not even its pool exists."""
        await self._called("list")
        trees = (self.pools.tree(above, recursive=False) for above in (name, *ancestors(name)))
        return next((tree.datasets[""] for tree in trees if tree.exists), None)

    async def look(self, name: str, snapshot: str) -> Arrived:
        """What is there of dataset `name` and its `snapshot`."""
        await self._called("list")
        node = self.pools.nodes.get(name)
        if node is None:
            return Arrived()
        shot = node.shot(snapshot)
        return Arrived(
            exists=True,
            guid=shot.guid if shot else None,
            ivsetguid=shot.ivsetguid if shot else None,
            resume_token=node.partial.token if node.partial else None,
        )

    async def create_placeholder(self, name: str, *, stay_plain: bool) -> None:
        """Create the filesystem `name`; fine if it exists."""
        await self._called("create")
        if name in self.pools.nodes:
            return
        try:
            self.pools.create(name, plain=stay_plain)
        except ZfsSaysError as said:
            raise failure(Side.TARGET, "zfs create", Completed(said.status, "", said.text), dataset=name) from said

    @asynccontextmanager
    async def receive(self, name: str, step: Step) -> AsyncIterator[Receiving]:
        """Start to receive into `name`; leaving the context ends it whatever happened."""
        await self._called("receive")
        reception = receiving.Reception(self.pools, name, stay_plain=step.stay_plain)
        intake = Intake(reception, take(self.faults.receives))
        try:
            yield intake
        finally:
            await intake.stop()

    async def abort_receive(self, name: str) -> None:
        """Throw the partial state of an interrupted receive away; fine if there is none."""
        await self._called("receive")
        try:
            receiving.abort(self.pools, name)
        except ZfsSaysError as said:
            if "does not have any resumable receive state" not in said.text and not says_missing(said.text):
                completed = Completed(said.status, "", said.text)
                raise failure(Side.TARGET, "zfs receive -A", completed, dataset=name) from said

    async def rollback(self, name: str, snapshot: str) -> None:
        """Roll `name` back to `snapshot`, which destroys every later one."""
        await self._called("rollback")
        try:
            changes.rollback(self.pools, name, snapshot)
        except ZfsSaysError as said:
            raise failure(Side.TARGET, "zfs rollback", Completed(said.status, "", said.text), dataset=name) from said

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a dataset with all below it."""
        await self._called("rename")
        try:
            changes.rename(self.pools, name, new_name)
        except ZfsSaysError as said:
            raise failure(Side.TARGET, "zfs rename", Completed(said.status, "", said.text), dataset=name) from said

    async def destroy_dataset(self, name: str) -> None:
        """Destroy a dataset that has neither snapshots nor anything below it; fine if it is gone."""
        if error := destroyable_error(name):
            raise ValueError(error)
        await self._called("destroy")
        try:
            changes.destroy_dataset(self.pools, name)
        except ZfsSaysError as said:
            if not says_missing(said.text):
                completed = Completed(said.status, "", said.text)
                raise failure(Side.TARGET, "zfs destroy", completed, dataset=name) from said

    async def destroy_snapshots(self, name: str, snapshots: Sequence[str], *, dry_run: bool) -> Destroyed:
        """Destroy snapshots of one dataset; those that can't be destroyed are reported, not raised."""
        for snapshot in snapshots:
            if error := snapshot_name_error(snapshot):
                raise ValueError(error)
        gone, skipped = tuple(snapshots), tuple[tuple[str, str], ...]()
        answer = await self._destroy(name, snapshots, dry_run=dry_run)
        if isinstance(answer, str):
            results = [(snapshot, await self._destroy(name, [snapshot], dry_run=dry_run)) for snapshot in snapshots]
            gone = tuple(snapshot for snapshot, reason in results if not isinstance(reason, str))
            skipped = tuple((snapshot, reason) for snapshot, reason in results if isinstance(reason, str))
            answer = await self._destroy(name, gone, dry_run=True) if dry_run and gone else 0
        return Destroyed(gone, skipped, answer if dry_run and not isinstance(answer, str) else None)

    async def _destroy(self, name: str, snapshots: Sequence[str], *, dry_run: bool) -> int | str:
        """The bytes that it frees, or why it can't be."""
        await self._called("destroy")
        try:
            return changes.destroy_snapshots(self.pools, name, snapshots, dry_run=dry_run)
        except ZfsSaysError as said:
            if "could not find any snapshots" in said.text or says_missing(said.text):
                return 0
            row = classify(Side.TARGET, said.text)
            return row.reason if row else said.text

    async def _called(self, command: str) -> None:
        self.commands.append(command)
        await asyncio.sleep(0)
        trip(self.faults.target_calls)
