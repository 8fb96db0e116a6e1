"""The source port over in-memory pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from zfspull.errors import PermanentError, TransientError, ZfspullError
from zfspull.hosts.failures import failure
from zfspull.hosts.memory import changes, sending, words
from zfspull.hosts.memory.faults import Faults, How, SendFault, take, trip
from zfspull.hosts.memory.frames import Record
from zfspull.hosts.memory.listings import MemoryListings
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.hosts.plain import see_plain
from zfspull.hosts.ports import Destroyed, Ended, Sink
from zfspull.hosts.process import Completed
from zfspull.plan.steps import Step
from zfspull.zfs.model import Hold, Tree
from zfspull.zfs.names import snapshot_name_error
from zfspull.zfs.stderr import says_destroyed
from zfspull.zfs.texts import Side


class MemorySource:
    """A host in memory.

    Args:
        pools: what it has.
        host: its name.
        faults: what is to go wrong.

    Attributes:
        commands: the zfs commands that a real source would have run, by their first word.
        denied: verbs for which it says "permission denied": bookmark, destroy, hold, release.
        on_record: called with every record that is sent.
    """

    def __init__(self, pools: Pools, *, host: str = "memory", faults: Faults | None = None) -> None:
        self.pools = pools
        self.faults = faults or Faults()
        self.commands: list[str] = []
        self.denied: set[str] = set()
        self.on_record: Callable[[Step, Record], None] = lambda _step, _record: None
        self._host = host
        self._listings = MemoryListings(pools, self._called, bookmarks=True)

    @property
    def host(self) -> str:
        """Its name in the configuration."""
        return self._host

    @property
    def listings(self) -> MemoryListings:
        """Its listings in parts."""
        return self._listings

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root`; as two commands, of which the second is spared where there is nothing."""
        await self._called("list")
        tree = self.pools.tree(root, recursive=recursive)
        if tree.exists:
            self.commands.append("list")
        return tree

    async def snapshot(self, datasets: Sequence[str], name: str, *, recursive: bool) -> None:
        """Take a snapshot called `name` of each dataset, and of all below if `recursive`."""
        await self._called("snapshot")
        try:
            self.pools.snapshot_all(datasets, [name], recursive=recursive)
        except ZfsSaysError as said:
            completed = Completed(said.status, "", said.text)
            raise failure(Side.SOURCE, "zfs snapshot", completed, host=self._host, dataset=datasets[0]) from said

    async def destroy_snapshots(self, dataset: str, snapshots: Sequence[str]) -> Destroyed:
        """Destroy snapshots of one dataset, one by one; what can't be, and what ended it, is reported."""
        for snapshot in snapshots:
            if wrong := snapshot_name_error(snapshot):
                raise ValueError(wrong)
        gone: list[str] = []
        skipped: list[tuple[str, str]] = []
        try:
            await self._called("destroy")
            for snapshot in snapshots:
                error = self._destroy(dataset, snapshot)
                if error is None:
                    gone.append(snapshot)
                elif error.reason in ("held", "cloned"):
                    skipped.append((snapshot, error.reason))
                else:
                    raise error
        except ZfspullError as error:
            return Destroyed(tuple(gone), tuple(skipped), error=error)
        return Destroyed(tuple(gone), tuple(skipped))

    def _destroy(self, dataset: str, snapshot: str) -> ZfspullError | None:
        destroyed = partial(changes.destroy_snapshots, self.pools, dataset, [snapshot])
        said = ZfsSaysError(words.DESTROY_DENIED) if "destroy" in self.denied else _attempt(destroyed)
        if said is None or says_destroyed(said.text):
            return None
        completed = Completed(said.status, "", said.text)
        return failure(Side.SOURCE, "zfs destroy", completed, host=self._host, dataset=dataset)

    async def bookmark(self, dataset: str, snapshot: str, name: str) -> None:
        """Bookmark a snapshot; fine if the bookmark is there."""
        made = partial(self.pools.bookmark, dataset, snapshot, name)
        await self._change("bookmark", f"{dataset}#{name}", made, fine=("bookmark exists",))

    async def destroy_bookmark(self, dataset: str, name: str) -> None:
        """Destroy a bookmark; fine if it is gone."""
        destroyed = partial(changes.destroy_bookmark, self.pools, dataset, name)
        await self._change("destroy", f"{dataset}#{name}", destroyed, fine=("does not exist",))

    async def hold(self, dataset: str, snapshot: str, tag: str) -> None:
        """Put a hold on a snapshot; fine if it is there."""
        held = partial(self.pools.hold, dataset, snapshot, tag)
        await self._change("hold", f"{dataset}@{snapshot}", held, fine=("tag already exists",))

    async def release(self, dataset: str, snapshot: str, tag: str) -> None:
        """Take a hold from a snapshot; fine if there is none."""
        released = partial(self.pools.release, dataset, snapshot, tag)
        await self._change("release", f"{dataset}@{snapshot}", released, fine=("no such tag", "does not exist"))

    async def check_release(self, dataset: str) -> None:
        """See that what is held there can be released again."""
        await self._called("allow")
        if "release" in self.denied:
            raise PermanentError(
                "permission denied: `zfs allow` does not mention `release`",
                host=self._host,
                dataset=dataset,
                reason="permission",
            )

    async def list_holds(self, snapshots: Sequence[str]) -> tuple[Hold, ...]:
        """The holds on snapshots; one that is gone has none."""
        await self._called("holds")
        found = ((name, *name.split("@")) for name in snapshots)
        return tuple(
            Hold(full, tag)
            for full, dataset, snapshot in found
            if dataset in self.pools.nodes and (shot := self.pools.nodes[dataset].shot(snapshot))
            for tag in sorted(shot.holds)
        )

    async def _change(self, verb: str, name: str, act: Callable[[], object], *, fine: Sequence[str]) -> None:
        """Do something to the source, if it permits that; `fine` are texts of failures that are none."""
        await self._called(verb)
        said = ZfsSaysError(words.DENIED[verb].format(name=name)) if verb in self.denied else _attempt(act)
        if said is not None and not any(text in said.text for text in fine):
            completed = Completed(said.status, "", said.text)
            raise failure(Side.SOURCE, f"zfs {verb}", completed, host=self._host, dataset=name) from said

    async def estimate(self, step: Step) -> int | None:
        """Bytes that the step's stream will have."""
        await self._called("send")
        try:
            return sum(len(record.frame()) for record in self._records(step))
        except ZfsSaysError:
            return None

    async def send(self, step: Step, sink: Sink, expect: Callable[[int], None]) -> Ended:
        """Stream the step into `sink`; see the protocol."""
        await see_plain(step, self._listings, host=self._host)
        self.commands.append("send")
        fault = take(self.faults.sends)
        try:
            records = self._records(step)
        except ZfsSaysError as said:
            return Ended(said.status, said.text)
        frames = [(record, record.frame()) for record in records]
        expect(sum(len(frame) for _, frame in frames))
        left = fault.after_bytes if fault else None
        for record, frame in frames:
            piece = frame if left is None else frame[:left]
            sink.write(piece)
            self.on_record(step, record)
            await _yield_to(sink)
            if left is not None:
                left -= len(piece)
                if left <= 0 and fault is not None:
                    return await self._fail(fault)
        return Ended(0, "")

    async def _fail(self, fault: SendFault) -> Ended:
        if fault.how is How.LINK_LOST:
            raise TransientError(
                "the connection was lost: by a planned fault", host=self._host, reason="connection_lost"
            )
        if fault.how is How.STALLED:
            await asyncio.get_running_loop().create_future()
        return Ended(-9, "")

    def _records(self, step: Step) -> list[Record]:
        if step.token is not None:
            return sending.send_resume(self.pools, step.token, embedded=step.embedded)
        base = step.base.mark if step.base else None
        return sending.send(
            self.pools,
            step.source,
            step.to.name,
            base,
            intermediate=step.kind == "range",
            raw=step.embedded,
            embedded=step.embedded,
        )

    async def _called(self, command: str) -> None:
        self.commands.append(command)
        await asyncio.sleep(0)
        trip(self.faults.source_calls)


def _attempt(act: Callable[[], object]) -> ZfsSaysError | None:
    """What zfs says to it, None if it was done."""
    try:
        act()
    except ZfsSaysError as said:
        return said
    return None


async def _yield_to(sink: Sink) -> None:
    """Let others run, and the sink take what it was given."""
    await asyncio.sleep(0)
    if sink.pending_bytes:
        await sink.drain()
