"""Where a scenario takes place: pools in memory or in two machines, with one set of words for both."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from tests.contract.actions import Action
from zfspull.clock import Clock
from zfspull.config.schema import Job
from zfspull.events import Event, RunFinished, Trigger
from zfspull.hosts.ports import Ended, Source, Target
from zfspull.hosts.slots import Slots
from zfspull.plan.space import LowSpace
from zfspull.plan.steps import Step
from zfspull.pull.books import MemoryBooks
from zfspull.pull.context import Context
from zfspull.pull.remembered import ProcessMemory
from zfspull.pull.run import run_job
from zfspull.zfs.model import Tree


class Collected(list[Event]):
    """Every event of a test, in order."""

    def emit(self, event: Event) -> None:
        self.append(event)

    def of(self, kind):
        """Those of one kind."""
        return [event for event in self if isinstance(event, kind)]

    def one(self, kind):
        """The only one of its kind."""
        (event,) = self.of(kind)
        return event


@dataclass(frozen=True)
class Commands:
    """How many commands of zfs ran on each side."""

    source: int
    target: int


class LaterClock:
    """A clock whose wall time is so many seconds later."""

    def __init__(self, clock, seconds):
        self._clock = clock
        self._seconds = seconds

    def __getattr__(self, name):
        return getattr(self._clock, name)

    def now(self):
        return self._clock.now() + self._seconds


class World(ABC):
    """Two ends and what can happen to them.

    Attributes:
        source_root: a dataset of the source that does not exist yet; its pool does.
        target_root: likewise of the target.
        events: of all runs so far.
        machine: identity of the backup box; "" leaves no cursors on the source.
        refused: what the source was found not to permit, as long as the daemon runs.
        low_space: when the target's pool counts as short of room; never, unless a test says so.
        books: of what the source lost.
        remembered: what runs have listed.
    """

    source: Source
    target: Target
    source_root: str
    target_root: str
    clock: Clock

    def __init__(self) -> None:
        self.events = Collected()
        self.machine = ""
        self.refused: set[str] = set()
        self.low_space = LowSpace()
        self.books = MemoryBooks()
        self.remembered = ProcessMemory()
        self._later_seconds = 0.0

    @abstractmethod
    async def on_source(self, *actions: Action) -> None:
        """Let the source's administrator do something."""

    @abstractmethod
    async def on_target(self, *actions: Action) -> None:
        """Let somebody meddle with the target."""

    @abstractmethod
    async def unload_source_key(self) -> None:
        """Lock the source's root."""

    @abstractmethod
    async def fill_target(self, *, left_bytes: int | None) -> None:
        """Leave only so much room in the target's pool; None to make room again."""

    @abstractmethod
    async def unplug_target(self) -> None:
        """Take the disk away that the target's pool is on."""

    @abstractmethod
    async def plug_target(self) -> None:
        """Bring it back."""

    @abstractmethod
    async def digests(self, side: str, *points: tuple[str, str], keys: dict[str, str] | None = None) -> list[str]:
        """What a reader finds in snapshots, given as path and name, on `source` or `target`.

        `keys` unlock the target's datasets while one looks, by path.
        """

    @abstractmethod
    async def stream(self, path: str, to: str, base: str | None = None, *, raw: bool) -> bytes:
        """The bytes of a stream of a source's dataset, that a stray administrator sends."""

    @abstractmethod
    async def cut_send(self, after_bytes: int, *, link: bool = False) -> None:
        """Let the next sender be killed, or the link be lost, after so many bytes."""

    @abstractmethod
    async def cut_receive(self, after_bytes: int) -> None:
        """Let the next receiver be killed after so many bytes."""

    @abstractmethod
    async def replicate(self, tool: str) -> None:
        """Let another tool (`send` for `zfs send -R`, or `syncoid`) replicate the source's root to the target's."""

    @abstractmethod
    async def permit(self, *verbs: str) -> None:
        """From now on the source is reached as a user that may only send, and what else `verbs` say."""

    @abstractmethod
    async def set_source_clock(self, ahead_seconds: int) -> None:
        """Let the source's clock be so far ahead of the one here."""

    @abstractmethod
    def count(self) -> Commands:
        """The commands since the last call."""

    def job(self, **fields) -> Job:
        """A job that pulls the source's root into the target's root; tried once, unless said otherwise."""
        base = {
            "name": "job",
            "source": f"memory:{self.source_root}",
            "target": self.target_root,
            "recursive": True,
            "schedule": "manual",
            "retry": {"attempts": 1},
        }
        return Job.model_validate(base | fields)

    def context(self) -> Context:
        return Context(
            source=self.source,
            target=self.target,
            slots=Slots(asyncio.Semaphore(2), asyncio.Semaphore(4)),
            events=self.events,
            clock=LaterClock(self.clock, self._later_seconds),
            rng=random.Random(1),
            machine=self.machine,
            refused=self.refused,
            low_space=self.low_space,
            books=self.books,
            memory=self.remembered,
        )

    @abstractmethod
    async def wait(self, seconds: float) -> None:
        """Let time pass, on both sides alike."""

    def later(self, *, days: float) -> None:
        """Let the clock of this machine be so much later; that of the source and of the pools is not."""
        self._later_seconds += days * 86_400

    async def run(self, **fields) -> RunFinished:
        """Run the job once."""
        self.events.clear()
        return await run_job(self.job(**fields), self.context(), trigger=Trigger.OPERATOR, run_id="run")

    async def tree(self, side: str) -> Tree:
        """What there is."""
        if side == "source":
            return await self.source.list_tree(self.source_root, recursive=True)
        return await self.target.list_tree(self.target_root, recursive=True)

    async def names(self, path: str = "") -> list[str]:
        """The snapshots of one target dataset, oldest first."""
        return [snapshot.name for snapshot in (await self.tree("target")).datasets[path].snapshots]

    async def receive(self, step: Step, data: bytes) -> Ended:
        """Feed bytes to a receive, as they are."""
        async with self.target.receive(step.target, step) as receiving:
            for start in range(0, len(data), 1 << 16):
                receiving.sink.write(data[start : start + (1 << 16)])
                await receiving.sink.drain()
            return await receiving.finish()


def guids(tree: Tree) -> dict[str, list[tuple[str, int, int | None]]]:
    """By path: name, guid and IV set of each snapshot; what must be equal on both sides."""
    return {
        path: [(snapshot.name, snapshot.guid, snapshot.ivsetguid) for snapshot in dataset.snapshots]
        for path, dataset in tree.datasets.items()
    }


async def assert_equal(world: World, *points: tuple[str, str], keys: dict[str, str] | None = None) -> None:
    """The named snapshots hold the same on both sides, to the bit."""
    expected, actual = await asyncio.gather(
        world.digests("source", *points), world.digests("target", *points, keys=keys)
    )

    assert expected == actual


def points_of(tree: Tree) -> Sequence[tuple[str, str]]:
    """Path and name of every snapshot."""
    return [(path, shot.name) for path, dataset in tree.datasets.items() for shot in dataset.snapshots]
