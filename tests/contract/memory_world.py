"""The world in memory."""

import asyncio
import hashlib
import random
from itertools import pairwise

from tests.contract.world import Commands, World
from zfspull.hosts.memory import Faults, MemorySource, MemoryTarget, Pools, ReceiveFault, SendFault, sending
from zfspull.hosts.memory.faults import How
from zfspull.hosts.memory.receiving import Reception
from zfspull.zfs.names import join, relative


class QuietClock:
    """Time that moves when a test says so, or somebody sleeps for longer than the pulse of a transfer."""

    def __init__(self):
        self.seconds = 1_700_000_000.0

    def now(self):
        return self.seconds

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        await asyncio.sleep(0)
        if seconds != 1.0:
            self.seconds += seconds


class ShiftedClock:
    """The same time, so many seconds ahead."""

    def __init__(self, clock):
        self._clock = clock
        self.ahead_seconds = 0

    def now(self):
        return self._clock.now() + self.ahead_seconds


class MemoryWorld(World):
    def __init__(self, *, capacity_bytes=None):
        super().__init__()
        self.clock = QuietClock()
        rng = random.Random(7)
        self.source_clock = ShiftedClock(self.clock)
        self.source_pools = Pools(["tank"], clock=self.source_clock, rng=rng)
        self.target_pools = Pools(["vault"], clock=self.clock, rng=rng, capacity_bytes=capacity_bytes)
        self.source_root, self.target_root = "tank/data", "vault/copy"
        self.faults = Faults()
        self.source = MemorySource(self.source_pools, faults=self.faults)
        self.target = MemoryTarget(self.target_pools, faults=self.faults)

    async def on_source(self, *actions):
        self._apply(actions, self.source_pools, self.source_root)

    async def on_target(self, *actions):
        self._apply(actions, self.target_pools, self.target_root)

    def _apply(self, actions, pools, root):
        for action in actions:
            self.clock.seconds += 1
            action.apply(pools, root)

    async def unload_source_key(self):
        self.source_pools.unload_key(self.source_root)

    async def fill_target(self, *, left_bytes):
        used = self.target_pools.space().used_bytes
        self.target_pools.capacity_bytes = None if left_bytes is None else used + left_bytes

    async def unplug_target(self):
        self._unplugged = dict(self.target_pools.nodes)
        self.target_pools.nodes.clear()

    async def plug_target(self):
        self.target_pools.nodes.update(self._unplugged)

    async def digests(self, side, *points, keys=None):
        pools, root = (
            (self.source_pools, self.source_root) if side == "source" else (self.target_pools, self.target_root)
        )
        for path, key in (keys or {}).items():
            pools.load_key(join(root, path), key)
        found = [hashlib.sha256(pools.plain(join(root, path), name)).hexdigest() for path, name in points]
        for path in keys or {}:
            pools.unload_key(join(root, path))
        return found

    async def stream(self, path, to, base=None, *, raw):
        records = sending.send(self.source_pools, join(self.source_root, path), to, base, raw=raw)
        return b"".join(record.frame() for record in records)

    async def cut_send(self, after_bytes, *, link=False):
        self.faults.sends.append(SendFault(after_bytes, How.LINK_LOST if link else How.KILLED))

    async def cut_receive(self, after_bytes):
        self.faults.receives.append(ReceiveFault(after_bytes))

    async def replicate(self, tool):
        """As both tools do it: each dataset in full, then from snapshot to snapshot; syncoid takes one of its own."""
        if tool == "syncoid":
            self.source_pools.snapshot(self.source_root, ["syncoid_backup"], recursive=True)
        for node in list(self.source_pools.below(self.source_root)):
            target = join(self.target_root, relative(self.source_root, node.name) or "")
            for base, shot in pairwise((None, *node.snapshots)):
                reception = Reception(self.target_pools, target, readonly=False)
                mark = f"@{base.name}" if base else None
                for record in sending.send(self.source_pools, node.name, shot.name, mark):
                    reception.feed(record.frame())
                reception.close()

    async def permit(self, *verbs):
        self.source.denied = {"bookmark", "destroy", "hold", "release"} - {*verbs}

    async def set_source_clock(self, ahead_seconds):
        self.source_clock.ahead_seconds = ahead_seconds

    async def wait(self, seconds):
        self.clock.seconds += seconds

    def count(self):
        counted = Commands(len(self.source.commands), len(self.target.commands))
        self.source.commands.clear()
        self.target.commands.clear()
        return counted
