"""What a run works with besides its job: the two ends, the limits, the clock, and whoever wants to know."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from zfspull.clock import Clock
from zfspull.events import EventSink
from zfspull.hosts.ends import Ends
from zfspull.hosts.ports import Source, Target
from zfspull.hosts.slots import Slots
from zfspull.plan.space import LowSpace
from zfspull.pull.books import Books, MemoryBooks
from zfspull.pull.remembered import Memory, ProcessMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of a run.

    Attributes:
        source: the host that is pulled from.
        target: the pools here.
        slots: how many streams may run.
        events: told of everything that happens.
        clock: time.
        rng: for the jitter of retries.
        machine: identity of this machine, part of the names of cursors; "" for none.
        refused: what the source has been found not to permit to which job; shared by all runs from it.
        permitted: what it has been found to permit in this run.
        low_space: when a pool here counts as short of room.
        stall_timeout_seconds: how long a stream may stand still before it is ended.
        books: of what the source lost.
        memory: of what earlier runs have listed.
    """

    source: Source
    target: Target
    slots: Slots
    events: EventSink
    clock: Clock
    rng: random.Random = field(default_factory=random.Random)
    stall_timeout_seconds: float = 600.0
    low_space: LowSpace = field(default_factory=LowSpace)
    machine: str = ""
    refused: set[str] = field(default_factory=set)
    permitted: set[str] = field(default_factory=set)
    books: Books = field(default_factory=MemoryBooks)
    memory: Memory = field(default_factory=ProcessMemory)

    @classmethod
    def of(
        cls, ends: Ends, host: str, *, events: EventSink, clock: Clock, books: Books, memory: Memory | None = None
    ) -> Context:
        """The surroundings of a run that pulls from `host`."""
        return cls(
            source=ends.source(host),
            target=ends.target,
            slots=ends.slots(host),
            events=events,
            clock=clock,
            stall_timeout_seconds=ends.stall_timeout_seconds(host),
            low_space=ends.low_space,
            machine=ends.machine,
            refused=ends.refused(host),
            books=books,
            memory=memory or ProcessMemory(),
        )
