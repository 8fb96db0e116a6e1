"""In-memory pools that implement both ports, for tests and for trying things out without ZFS.

They imitate OpenZFS where a pull can tell the difference: identity, order, raw lineage, resume tokens, what a receive
accepts, and the words in which it refuses. Every behaviour they imitate is pinned by `tests/contract`, which runs the
same scenarios on real pools. Not imitated: mounting, properties, space accounting beyond a simple sum, speed.
"""

from zfspull.hosts.memory.faults import Faults, ReceiveFault, SendFault
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.source import MemorySource
from zfspull.hosts.memory.target import MemoryTarget
from zfspull.hosts.memory.words import ZfsSaysError


__all__ = ["Faults", "MemorySource", "MemoryTarget", "Pools", "ReceiveFault", "SendFault", "ZfsSaysError"]
