"""One step, pulled for real: from an SSH server into a local process, by the code of the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from zfspull.clock import Clock, SystemClock
from zfspull.events import Event
from zfspull.hosts.feeding import FedProcess, feed
from zfspull.hosts.ports import Receiving, Source
from zfspull.hosts.slots import Slots
from zfspull.plan.steps import Step, StepKind
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.pull.transfer import transfer
from zfspull.zfs.model import Arrived, Kind, Snapshot


GUID = 42


class ChildTarget:
    """A target whose `zfs receive` is the local process `argv`; what it took counts as arrived."""

    def __init__(self, argv: Sequence[str], *, patience_seconds: float = 10.0) -> None:
        self.argv = argv
        self.patience_seconds = patience_seconds
        self.arrived = Arrived(exists=True, guid=GUID)
        self.child: FedProcess | None = None

    @asynccontextmanager
    async def receive(self, name: str, step: Step) -> AsyncIterator[Receiving]:
        async with feed(self.argv, patience_seconds=self.patience_seconds) as self.child:
            yield self.child

    async def look(self, name: str, snapshot: str) -> Arrived:
        return self.arrived

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child._transport.get_pid()


@dataclass
class Recorder:
    """Keeps all events."""

    events: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def only(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class Pull:
    """What `transfer` needs, around one source and one local process."""

    def __init__(
        self, source: Source, target: ChildTarget, *, clock: Clock | None = None, stall_timeout_seconds: float = 60.0
    ) -> None:
        clock = clock or SystemClock()
        self.target = target
        self.recorder = Recorder()
        self.context = Context(
            source=source,
            target=target,  # type: ignore[arg-type] - no more of a target than a step needs
            slots=Slots(asyncio.Semaphore(2), asyncio.Semaphore(4)),
            events=self.recorder,
            clock=clock,
            stall_timeout_seconds=stall_timeout_seconds,
        )
        self.tally = Tally(job="home", run_id="1", clock=clock, events=self.recorder, started_at=clock.now())

    async def step(self) -> None:
        await transfer(STEP, self.context, self.tally)


STEP = Step(
    kind=StepKind.FULL,
    source="tank/a",
    target="backup/a",
    dataset_kind=Kind.FILESYSTEM,
    to=Snapshot(name="now", guid=GUID, createtxg=7, creation=1_700_000_000),
)
