"""What `zfs send` makes of a snapshot: a stream, whole, incremental, or the rest of an interrupted one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from zfspull.hosts.memory import words
from zfspull.hosts.memory.cipher import seal
from zfspull.hosts.memory.frames import RECORD_BYTES, Begin, End, Record, Write
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.store import Mark, Node, Shot
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.zfs.names import pool
from zfspull.zfs.token import TokenError, decode


@dataclass(frozen=True, slots=True)
class _Package:
    """One snapshot to send, and from where in its content."""

    node: Node
    shot: Shot
    base: Shot | Mark | None
    raw: bool
    embedded: bool
    last: bool = True
    object: int | None = None
    offset: int = 0


def send(
    pools: Pools,
    name: str,
    snapshot: str,
    base: str | None,
    *,
    intermediate: bool = False,
    raw: bool = True,
    embedded: bool = True,
) -> list[Record]:
    """The records of a stream.

    Args:
        pools: where.
        name: the dataset.
        snapshot: what to send.
        base: `@snapshot` or `#bookmark` to start from; None for all.
        intermediate: with every snapshot between.
        raw: an encrypted dataset as ciphertext.
        embedded: with embedded blocks, if there are any.

    Raises:
        ZfsSaysError: as zfs(8) says.
    """
    embedded = embedded and pools.embeds
    node, shot = pools.find(name), pools.find_shot(name, snapshot)
    raw = raw and node.key is not None
    if node.key is not None and not raw and node.master is None:
        raise ZfsSaysError(f"warning: cannot send '{name}@{snapshot}': dataset key must be loaded")
    if base is None:
        return list(_records(_Package(node, shot, None, raw, embedded)))
    start = _base(pools, node, base, f"{name}@{snapshot}")
    if start.createtxg >= shot.createtxg:
        raise ZfsSaysError(words.NOT_EARLIER.format(name=f"{name}@{snapshot}"))
    between = [other for other in node.snapshots if start.createtxg < other.createtxg < shot.createtxg and intermediate]
    records: list[Record] = []
    for to in (*between, shot):
        records += _records(_Package(node, to, start, raw, embedded, last=to is shot))
        start = to
    return records


def _base(pools: Pools, node: Node, base: str, name: str) -> Shot | Mark:
    if base.startswith("@"):
        return pools.find_shot(node.name, base[1:])
    mark = next((mark for mark in node.bookmarks if mark.name == base[1:]), None)
    if mark is None:
        raise ZfsSaysError(words.NO_BOOKMARK.format(name=name))
    return mark


def send_resume(pools: Pools, text: str, *, embedded: bool = True) -> list[Record]:
    """The records that an interrupted receive still needs; `embedded` as for `send`, or because the token says so.

    Raises:
        ZfsSaysError: as zfs(8) says, with the status 255 that it then has.
    """
    try:
        token = decode(text)
    except TokenError as error:
        raise ZfsSaysError(words.RESUME_CORRUPT, status=255) from error
    # By guid, in the dataset that the token names or anywhere else in its pool: it may have been renamed.
    named = token.to_name.partition("@")[0]
    nodes = sorted(pools.nodes.values(), key=lambda node: node.name != named)
    found = next(
        (
            (node, shot)
            for node in nodes
            if pool(node.name) == pool(named)
            for shot in node.snapshots
            if shot.guid == token.to_guid
        ),
        None,
    )
    if found is None:
        raise ZfsSaysError(words.RESUME_SNAPSHOT_GONE.format(name=token.to_name), status=255)
    node, shot = found
    embedded = (embedded or token.embedded) and pools.embeds
    base: Shot | Mark | None = None
    if token.from_guid is not None:
        points: list[Shot | Mark] = [*node.snapshots, *node.bookmarks]
        base = next((point for point in points if point.guid == token.from_guid), None)
        if base is None:
            raise ZfsSaysError(words.RESUME_BASE_GONE.format(guid=token.from_guid), status=255)
    return list(_records(_Package(node, shot, base, token.raw, embedded, object=token.object, offset=token.offset)))


def _records(package: _Package) -> Iterator[Record]:
    node, shot, base = package.node, package.shot, package.base
    first = 0 if base is None else base.length if isinstance(base, Mark) else len(base.content)
    begin = Begin(
        kind=node.kind,
        to_name=f"{node.name}@{shot.name}",
        to_guid=shot.guid,
        creation=shot.creation,
        from_guid=base.guid if base else None,
        first_object=first,
        embedded=package.embedded,
        resumed=package.object is not None,
        last=package.last,
    )
    if package.raw:
        begin = replace(begin, key=node.key, ivsetguid=shot.ivsetguid, from_ivsetguid=base.ivsetguid if base else None)
    yield begin
    start = first if package.object is None else package.object
    for number, blob in enumerate(shot.content[start:], start=start):
        stored = blob.stored
        if node.master is not None and not package.raw:
            stored = seal(node.master, blob.nonce, stored)
        skipped = package.offset if number == package.object else 0
        for offset in range(skipped, len(stored), RECORD_BYTES):
            data = stored[offset : offset + RECORD_BYTES]
            yield Write(number, blob.nonce, offset, len(stored), data)
    yield End()
