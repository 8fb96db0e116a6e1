"""What the stateful machine plays with: a memory world, what it remembers of it, and what must always hold."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.contract.memory_world import MemoryWorld
from zfspull.events import DatasetObserved, Outcome, RunFinished, Trigger
from zfspull.hosts.memory import MemoryTarget
from zfspull.hosts.memory.frames import Begin, Write
from zfspull.hosts.memory.store import Blob
from zfspull.plan.base import find_base
from zfspull.plan.tree import plan_tree
from zfspull.pull.run import run_job
from zfspull.zfs.names import join, relative


KEY = "passphrase"


@dataclass
class Memory:
    """What was seen so far.

    Attributes:
        plain: what was ever written to encrypted datasets, as a reader sees it.
        taken: by target dataset (guid, for it may be renamed): snapshots (guid) that it had after the last rule.
        rolled_back: likewise what runs have destroyed in this rule by a rollback.
        arrived: by target dataset, guid of the snapshot and blob: how much of it an interrupted receive has kept.
        twice: what was sent although the target had it.
    """

    plain: list[bytes] = field(default_factory=list)
    taken: dict[int, frozenset[int]] = field(default_factory=dict)
    rolled_back: dict[int, frozenset[int]] = field(default_factory=dict)
    arrived: dict[tuple[str, int, int], int] = field(default_factory=dict)
    twice: list[tuple[object, ...]] = field(default_factory=list)


class WatchedTarget(MemoryTarget):
    """Tells what there is before it is thrown away or moved."""

    before_abort = staticmethod(lambda _name: None)
    before_rollback = staticmethod(lambda _name, _snapshot: None)
    after_rename = staticmethod(lambda: None)

    async def rollback(self, name, snapshot):
        self.before_rollback(name, snapshot)
        await super().rollback(name, snapshot)

    async def rename(self, name, new_name):
        await super().rename(name, new_name)
        self.after_rename()

    async def abort_receive(self, name):
        self.before_abort(name)
        await super().abort_receive(name)


class AtOnce(ThreadPoolExecutor):
    """Does its work at once, in no other thread, so that a run takes the same turns of the loop whenever it is repeated."""

    def submit(self, fn, /, *args, **kwargs):
        done = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
            done.set_exception(error)
        return done


class Scenery(MemoryWorld):
    """A memory world with its own event loop, one rule of the machine at a time."""

    def __init__(self):
        super().__init__()
        self.memory = Memory()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(AtOnce())
        self.source.on_record = self._note
        self.target = WatchedTarget(self.target_pools, faults=self.faults)
        self.target.before_abort = self.note_abort
        self.target.before_rollback = self.note_rollback
        self.target.after_rename = self.forget_progress
        self._guid = 0
        self.finished: RunFinished | None = None

    def close(self):
        self.loop.close()

    # Remembering.

    def note_progress(self):
        """Remember how far each interrupted receive has got: less than that must never be sent again.

        Until the snapshot is there: what becomes of it then is another matter. And but for those of datasets that were renamed since: zfspull follows no token with another name in it. What is
        being received at this moment may still be lost in a power cut.
        """
        for name, node in self.target_pools.nodes.items():
            partial = None if node.receiving else node.partial
            if partial is not None and self._is_of_its_place(name, partial.begin.to_name):
                for at, size in enumerate([*(len(blob.stored) for blob in partial.blobs), len(partial.tail)]):
                    key = (name, partial.begin.to_guid, partial.begin.first_object + at)
                    self.memory.arrived[key] = max(size, self.memory.arrived.get(key, 0))
            for shot in node.snapshots:
                self._forget(name, shot.guid)

    def note_abort(self, name):
        """Partial state is thrown away, which costs nothing where nobody could have gone on from it."""
        self.note_progress()
        node = self.target_pools.nodes.get(name)
        partial = node and node.partial
        source = self.source_pools.nodes.get(join(self.source_root, relative(self.target_root, name)))
        if partial is None or source is None or partial.begin.from_guid is None:
            return
        points = self.source_pools.tree(source.name, recursive=False).datasets[""].points
        if partial.begin.from_guid not in {point.guid for point in points}:
            self._forget(name, partial.begin.to_guid)

    def _forget(self, name, guid):
        self.memory.arrived = {key: size for key, size in self.memory.arrived.items() if key[:2] != (name, guid)}

    def _is_of_its_place(self, name, to_name):
        path = relative(self.target_root, name)
        return path is not None and to_name.partition("@")[0] == join(self.source_root, path)

    def forget_progress(self):
        """Replicas were moved: what they had is where it was no more."""
        self.memory.arrived.clear()

    def note_rollback(self, name, snapshot):
        """P2: see that the rollback goes to the base, and remember what it destroys."""
        node = self.target_pools.nodes[name]
        replica = self.target_pools.tree(name, recursive=False).datasets[""]
        source = self.source_pools.tree(join(self.source_root, relative(self.target_root, name)), recursive=False)
        base = find_base(source.datasets[""], replica).base
        assert base is not None
        assert base.target.name == snapshot
        gone = frozenset(shot.guid for shot in node.snapshots if shot.createtxg > base.target.createtxg)
        self.memory.rolled_back[node.guid] = self.memory.rolled_back.get(node.guid, frozenset()) | gone

    def _note(self, step, record):
        """P5: see whether the target had this already when it was sent."""
        if isinstance(record, Begin):
            self.note_progress()
            self._guid = record.to_guid
            node = self.target_pools.nodes.get(step.target)
            if node is not None and any(shot.guid == record.to_guid for shot in node.snapshots):
                self.memory.twice.append((step.target, record.to_name))
        elif isinstance(record, Write):
            arrived = self.memory.arrived.get((step.target, step.to.guid, record.object), 0)
            if record.offset < arrived and self._guid == step.to.guid:
                self.memory.twice.append((step.target, record.object, record.offset))

    # Doing.

    def pull(self, *, cancel_after=None, **fields):
        """Run the job once; perhaps kill the run after so many turns of the event loop."""
        self.note_progress()
        self.events.clear()
        self.finished = self.loop.run_until_complete(self._pull(cancel_after, fields))
        self.faults.clear()
        return self.finished

    async def _pull(self, cancel_after, fields):
        job = self.job(retry={"attempts": 2, "initial": "1s", "maximum": "1s"}, **fields)
        task = asyncio.create_task(run_job(job, self.context(), trigger=Trigger.OPERATOR, run_id="run"))
        if cancel_after is None:
            return await task
        for _ in range(cancel_after):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None if task.cancelled() else task.result()

    # What must always hold.

    def plan(self, **fields):
        return plan_tree(
            self.source_pools.tree(self.source_root, recursive=True),
            self.target_pools.tree(self.target_root, recursive=True),
            self.job(**fields).policy,
        )

    def check_ciphertext(self):
        """P7: nothing that was written to an encrypted dataset is stored in plain on the target, nor half of it."""
        for plain in self.memory.plain:
            for blob in self._stored():
                assert plain[:16] not in blob

    def _stored(self):
        for node in self.target_pools.nodes.values():
            blobs: list[Blob] = [*node.content, *(blob for shot in node.snapshots for blob in shot.content)]
            if node.partial:
                yield bytes(node.partial.tail)
                blobs += node.partial.blobs
            yield from (blob.stored for blob in blobs)

    def check_replicas(self):
        """What is on the target under a guid is what the source has, or had, under that guid."""
        for node in self.source_pools.below(self.source_root):
            replica = self.target_pools.nodes.get(join(self.target_root, relative(self.source_root, node.name)))
            if replica is None:
                continue
            theirs = {shot.guid: shot for shot in replica.snapshots}
            for shot in node.snapshots:
                if shot.guid in theirs:
                    assert theirs[shot.guid].content == shot.content
                    assert theirs[shot.guid].ivsetguid == shot.ivsetguid
                    assert theirs[shot.guid].creation == shot.creation

    def check_reports(self):
        """P6: a success is one, and what is reported as up to date is."""
        if self.finished is None:
            return
        truth = {dataset.target: dataset for dataset in self.plan().datasets}
        for event in self.events.of(DatasetObserved):
            if event.up_to_date:
                wanted = truth[event.dataset].wanted
                replica = self.target_pools.nodes[event.dataset]
                assert wanted is not None
                points = self.source_pools.tree(truth[event.dataset].source, recursive=False).datasets[""].points
                # Either the wanted one, or a later one of which the source has only a bookmark left.
                assert replica.newest.guid in {point.guid for point in points}
                assert replica.newest.creation >= wanted.creation
                assert replica.newest.creation == event.newest_at
        if self.finished.outcome is Outcome.SUCCESS:
            assert not [dataset for dataset in truth.values() if dataset.steps or dataset.refusal]
