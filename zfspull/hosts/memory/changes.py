"""What takes things away from pools, or moves them: rollback, rename, destroy."""

from __future__ import annotations

from collections.abc import Sequence

from zfspull.hosts.memory import words
from zfspull.hosts.memory.pools import Pools
from zfspull.hosts.memory.space import freed_bytes
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.zfs.names import join, parent, relative


def rollback(pools: Pools, name: str, snapshot: str) -> None:
    """`zfs rollback -r`: back to a snapshot; newer snapshots and bookmarks are destroyed."""
    node, shot = pools.find(name), pools.find_shot(name, snapshot)
    newer = [other for other in node.snapshots if other.createtxg > shot.createtxg]
    origins = {f"{name}@{other.name}" for other in newer}
    if clones := [other.name for other in pools.nodes.values() if other.origin in origins]:
        raise ZfsSaysError(words.ROLLBACK_CLONED.format(name=f"{name}@{snapshot}", clones="\n".join(clones)))
    for other in reversed(newer):  # one by one, the newest first: what is held stops it halfway
        if other.holds:
            raise ZfsSaysError(words.ROLLBACK_HELD.format(name=f"{name}@{other.name}"))
        destroy_snapshots(pools, name, [other.name])
    node.bookmarks = [mark for mark in node.bookmarks if mark.createtxg <= shot.createtxg]
    node.content = shot.content


def rename(pools: Pools, name: str, new: str) -> None:
    """Rename a dataset with all below it."""
    pools.find(name)
    if new in pools.nodes:
        raise ZfsSaysError(f"cannot rename '{name}': dataset already exists")
    if parent(new) not in pools.nodes:
        raise ZfsSaysError(f"cannot create '{new}': parent does not exist")
    if any(node.receiving for node in pools.below(name)):
        raise ZfsSaysError(f"cannot rename '{name}': {words.BUSY}")
    for node in list(pools.below(name)):
        del pools.nodes[node.name]
        node.name = join(new, relative(name, node.name) or "")
        pools.nodes[node.name] = node
    for node in pools.nodes.values():
        node.encryption_root = _moved(node.encryption_root, name, new)
        node.origin = _moved(node.origin, name, new)


def _moved(text: str | None, name: str, new: str) -> str | None:
    if text is None:
        return None
    dataset, separator, rest = text.partition("@")
    path = relative(name, dataset)
    return text if path is None else join(new, path) + separator + rest


def destroy(pools: Pools, name: str) -> None:
    """`zfs destroy -r`: a dataset with all below it, unless something is held or cloned."""
    pools.find(name)
    going = [node.name for node in pools.below(name)]
    for node in pools.below(name):
        if node.receiving:
            raise ZfsSaysError(f"cannot destroy '{node.name}': {words.BUSY}")
        _check_snapshots(pools, node.name, [shot.name for shot in node.snapshots], going)
    for going_name in going:
        del pools.nodes[going_name]


def destroy_dataset(pools: Pools, name: str) -> None:
    """`zfs destroy`: a dataset that nothing hangs on."""
    node = pools.find(name)
    snapshots = [f"{name}@{shot.name}" for shot in node.snapshots]
    below = [other.name for other in pools.below(name) if other is not node]
    if snapshots or below:
        children = "\n".join((*below, *snapshots))
        raise ZfsSaysError(words.HAS_CHILDREN.format(name=name, kind=node.kind, children=children))
    if node.receiving:
        raise ZfsSaysError(f"cannot destroy '{name}': {words.BUSY}")
    del pools.nodes[name]


def destroy_snapshots(pools: Pools, name: str, snapshots: Sequence[str], *, dry_run: bool = False) -> int:
    """Destroy snapshots of one dataset: all that exist, or none; returns the bytes that it frees."""
    node = pools.find(name)
    going = [shot for shot in node.snapshots if shot.name in snapshots]
    if not going:
        raise ZfsSaysError(words.NO_SNAPSHOTS)
    _check_snapshots(pools, name, [shot.name for shot in going])
    freed = freed_bytes(node, snapshots)
    if not dry_run:
        pools.touch(node)
        node.snapshots = [shot for shot in node.snapshots if shot.name not in snapshots]
    return freed


def destroy_bookmark(pools: Pools, name: str, mark: str) -> None:
    """Destroy a bookmark."""
    node = pools.nodes.get(name)
    if node is None or not any(other.name == mark for other in node.bookmarks):
        raise ZfsSaysError(words.BOOKMARK_GONE.format(name=f"{name}#{mark}"))
    node.bookmarks = [other for other in node.bookmarks if other.name != mark]


def _check_snapshots(pools: Pools, name: str, snapshots: Sequence[str], going: Sequence[str] = ()) -> None:
    """Find out whether snapshots can be destroyed, together with the datasets that are `going`."""
    node = pools.find(name)
    for snapshot in snapshots:
        full = f"{name}@{snapshot}"
        shot = pools.find_shot(name, snapshot)
        if shot.holds:
            raise ZfsSaysError(words.HELD.format(name=full))
        clones = [other.name for other in pools.nodes.values() if other.origin == full and other.name not in going]
        if node.partial is not None and node.partial.begin.from_guid == shot.guid and name not in going:
            clones.append(f"{name}/%recv")
        if clones:
            raise ZfsSaysError(words.CLONED.format(name=full, clones="\n".join(clones)))
