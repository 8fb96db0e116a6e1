"""A source that lies: an SSH server whose zfs(8) tells of real pools in memory, but for what a test makes of it."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable

from tests.contract.memory_world import MemoryWorld
from tests.functional.hosts.sshhost import FakeHost, Process
from zfspull.cli.failure import tell
from zfspull.cli.render_events import line
from zfspull.events import DatasetDestroyed, ResumeDiscarded, SnapshotsDestroyed
from zfspull.hosts.memory import MemorySource, ZfsSaysError, sending
from zfspull.hosts.source import SshSource
from zfspull.observe.loglines import LogSink
from zfspull.observe.logs import configure
from zfspull.zfs.commands import DATASET_COLUMNS, POINT_COLUMNS
from zfspull.zfs.model import Dataset, Point, Snapshot, Tree


ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202e"
"""What would rename a terminal's window, clear it, and write backwards."""


class Liar:
    """zfs(8) on a host whose root is somebody else.

    Attributes:
        datasets, points: make a lie of the two listings.
        send: what a `zfs send` with these words prints.
        stderr: what a send says after its stream.
        status: what it ends with.
    """

    def __init__(self, world: MemoryWorld) -> None:
        self._world = world
        self.datasets: Callable[[str], str] = str
        self.points: Callable[[str], str] = str
        self.send: Callable[[list[str]], bytes] = self.honest
        self.stderr = ""
        self.status: int | None = 0

    async def __call__(self, words: list[str], process: Process) -> None:
        if words[1] == "send":
            await self._send(words, process)
            return
        if "snapshots_changed" in words[words.index("-o") + 1]:  # it is an old one: so that all is listed each time
            process.stderr.write(b"bad property list: invalid property 'snapshots_changed'\n")
            process.exit(2)
            return
        kinds, recursive = words[words.index("-t") + 1], "-r" in words
        tree = self._world.source_pools.tree(words[-1], recursive=recursive)
        text = self.datasets(dataset_lines(tree)) if "volume" in kinds else self.points(point_lines(tree))
        process.stdout.write(text.encode(errors="surrogateescape"))
        process.exit(0)

    async def _send(self, words: list[str], process: Process) -> None:
        try:
            data = self.send(words)
        except ZfsSaysError as said:
            process.stderr.write(said.text.encode())
            process.exit(said.status)
            return
        for start in range(0, len(data), 1 << 16):
            process.stdout.write(data[start : start + (1 << 16)])
            await process.stdout.drain()
        process.stderr.write(self.stderr.encode(errors="surrogateescape"))
        if self.status is None:
            process.close()
        else:
            process.exit(self.status)

    def honest(self, words: list[str]) -> bytes:
        """The stream that was asked for."""
        pools = self._world.source_pools
        if "-t" in words:
            return framed(sending.send_resume(pools, words[-1]))
        name, _, snapshot = words[-1].partition("@")
        flag = next((flag for flag in ("-i", "-I") if flag in words), None)
        base = words[words.index(flag) + 1] if flag else None
        return framed(sending.send(pools, name, snapshot, base, intermediate=flag == "-I"))


def framed(records: list[sending.Record]) -> bytes:
    """A stream as bytes."""
    return b"".join(record.frame() for record in records)


def dataset_lines(tree: Tree) -> str:
    """What `zfs list` prints of datasets."""
    return "".join("\t".join(_dataset(dataset)) + "\n" for dataset in tree.datasets.values())


def _dataset(dataset: Dataset) -> list[str]:
    said = {
        "name": dataset.name,
        "type": dataset.kind.value,
        "guid": str(dataset.guid),
        "encryptionroot": dataset.encryption_root,
        "keystatus": "available" if dataset.key_available else None,
        "written": "0",
        "mounted": "yes",
        "readonly": "off",
    }
    return [said.get(column) or "-" for column in DATASET_COLUMNS]


def point_lines(tree: Tree) -> str:
    """What `zfs list` prints of snapshots and bookmarks."""
    return "".join(
        "\t".join(_point(dataset.name, point)) + "\n" for dataset in tree.datasets.values() for point in dataset.points
    )


def _point(dataset: str, point: Point) -> list[str]:
    said = {
        "name": f"{dataset}{point.mark}",
        "type": "snapshot" if isinstance(point, Snapshot) else "bookmark",
        **{column: str(getattr(point, column)) for column in ("guid", "createtxg", "creation")},
        "ivsetguid": str(point.ivsetguid) if point.ivsetguid else None,
        "userrefs": "0",
    }
    return [said.get(column) or "-" for column in POINT_COLUMNS]


class HostileWorld(MemoryWorld):
    """A replica that was pulled while its source was honest; from `turn` on, it is pulled over SSH from a `Liar`."""

    def __init__(self, host: FakeHost) -> None:
        super().__init__()
        self.host = host
        self.liar = Liar(self)

    def turn(self, **settings: float) -> SshSource:
        """The source falls into other hands."""
        assert isinstance(self.source, MemorySource)
        self.host.script = self.liar
        self.source = SshSource(self.host.connection(), **settings)
        return self.source

    def kept(self) -> dict[str, list[tuple[str, int, bytes]]]:
        """What lies on the target: names, guids and content of all snapshots."""
        return {
            node.name: [(shot.name, shot.guid, repr(shot.content).encode()) for shot in node.snapshots]
            for node in self.target_pools.nodes.values()
        }

    def shown(self) -> str:
        """What the log, as text and as JSON, and a person following the run see of all that happened."""
        out = io.StringIO()
        for json in (False, True):
            configure(json=json, debug=True, stream=out)
            for event in self.events:
                LogSink().emit(event)
        return out.getvalue() + "".join(f"{said.text}\n" for event in self.events if (said := line(event)))


DESTRUCTIVE = (SnapshotsDestroyed, DatasetDestroyed, ResumeDiscarded)


def words_of(error: BaseException) -> str:
    """What the command line says of an error."""
    out = io.StringIO()
    tell(error, debug=False, stream=out)
    return out.getvalue()


def is_inert(text: str) -> bool:
    """Whether nothing in `text` can act on a terminal."""
    return all(one.isprintable() for one in text.split("\n"))


Flood = Callable[[list[str], Process], Awaitable[None]]


def floods(
    chunk: bytes, *, stderr: bool = False, most_bytes: int = 1 << 40, then: Callable[[Process], None] | None = None
) -> Flood:
    """A command that prints `chunk` again and again, for ever unless `most_bytes` are told."""

    async def script(words: list[str], process: Process) -> None:
        stream, left = (process.stderr if stderr else process.stdout), most_bytes
        while left > 0:
            stream.write(chunk)
            await stream.drain()
            left -= len(chunk)
        if then is not None:
            then(process)

    return script
