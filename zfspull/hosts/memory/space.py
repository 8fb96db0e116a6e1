"""How much room things take in pools: a blob that several datasets or snapshots share counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from zfspull.hosts.memory.store import Blob, Node
from zfspull.zfs.names import parent


UNLIMITED_BYTES = 1 << 40
"""What is available in pools that hold any amount."""


def used_bytes(nodes: Sequence[Node]) -> int:
    """What datasets take, with their snapshots and what was received in part."""
    return _size(blob for node in nodes for blob in _blobs(node)) + sum(
        len(node.partial.tail) for node in nodes if node.partial
    )


def used_with_all_below(nodes: Iterable[Node]) -> Mapping[str, int]:
    """By name of each dataset, what it and those below it take."""
    taken: Counter[str] = Counter()
    for node in nodes:
        size = used_bytes([node])
        name: str | None = node.name
        while name is not None:
            taken[name] += size
            name = parent(name)
    return taken


def freed_bytes(node: Node, going: Collection[str]) -> int:
    """What destroying these snapshots of a dataset would free: all that nothing else of it refers to."""
    blobs = [blob for shot in node.snapshots if shot.name in going for blob in shot.content]
    staying = {id(blob) for blob in _blobs(node, without=going)}
    return _size(blob for blob in blobs if id(blob) not in staying)


def snapshots_bytes(node: Node) -> int:
    """What its snapshots alone hold."""
    return freed_bytes(node, [shot.name for shot in node.snapshots])


def _blobs(node: Node, without: Collection[str] = ()) -> Iterable[Blob]:
    yield from node.content
    for shot in node.snapshots:
        if shot.name not in without:
            yield from shot.content
    if node.partial:
        yield from node.partial.blobs


def _size(blobs: Iterable[Blob]) -> int:
    return sum({id(blob): len(blob.stored) for blob in blobs}.values())
