"""What a run works with besides its job: the two ends, the limits, the clock, and whoever wants to know."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from zfspull.clock import Clock
from zfspull.events import EventSink
from zfspull.hosts.ports import Source, Target
from zfspull.hosts.slots import Slots


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
        stall_timeout_seconds: how long a stream may stand still before it is ended.
    """

    source: Source
    target: Target
    slots: Slots
    events: EventSink
    clock: Clock
    rng: random.Random = field(default_factory=random.Random)
    stall_timeout_seconds: float = 600.0
