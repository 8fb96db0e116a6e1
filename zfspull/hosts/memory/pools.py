"""All the pools of one machine in memory, with the commands that an administrator would run on them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from zfspull.clock import Clock
from zfspull.hosts.memory import space, words
from zfspull.hosts.memory.cipher import WrappedKey, seal
from zfspull.hosts.memory.store import Blob, Content, Mark, Node, Shot
from zfspull.hosts.memory.words import ZfsSaysError
from zfspull.zfs.model import Kind, Space, Tree
from zfspull.zfs.names import parent, pool, relative


_EMBEDDED_BYTES = 100
"""So little is stored in its block pointer (112 bytes, compressed; the padding of a block is nothing then)."""


class Pools:
    """Datasets by full name. A command that fails raises `ZfsSaysError` and changes nothing.

    Args:
        names: of the pools.
        clock: gives snapshots their time of creation.
        rng: makes guids and keys.
        capacity_bytes: how much content all pools together hold; None for any amount.

    Attributes:
        embeds: whether there are embedded blocks (the feature `embedded_data` is active).
    """

    def __init__(
        self, names: Sequence[str], *, clock: Clock, rng: random.Random, capacity_bytes: int | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._txg = 0
        self.capacity_bytes = capacity_bytes
        self.embeds = False
        self.nodes: dict[str, Node] = {}
        for name in names:
            self.nodes[name] = Node(name=name, kind=Kind.FILESYSTEM, guid=self.guid())

    # Looking.

    def find(self, name: str) -> Node:
        """The dataset of that name."""
        if name not in self.nodes:
            raise ZfsSaysError(words.NO_DATASET.format(name=name))
        return self.nodes[name]

    def find_shot(self, name: str, snapshot: str) -> Shot:
        """One snapshot of a dataset."""
        shot = self.find(name).shot(snapshot)
        if shot is None:
            raise ZfsSaysError(words.NO_DATASET.format(name=f"{name}@{snapshot}"))
        return shot

    def below(self, name: str) -> Iterator[Node]:
        """The dataset and its descendants, parents first."""
        found = (node for node in self.nodes.values() if relative(name, node.name) is not None)
        return iter(sorted(found, key=lambda node: node.name.split("/")))

    def tree(self, root: str, *, recursive: bool) -> Tree:
        """What a listing shows; empty if there is no such dataset."""
        if root not in self.nodes:
            return Tree(root=root)
        clones: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.origin:
                clones.setdefault(node.origin, []).append(node.name)
        nodes = self.below(root) if recursive else [self.nodes[root]]
        taken = space.used_with_all_below(self.below(root))
        available = self.space().available_bytes
        return Tree(
            root=root,
            datasets={
                relative(root, node.name) or "": replace(
                    node.listed(clones),
                    used_bytes=taken[node.name],
                    snapshots_bytes=space.snapshots_bytes(node),
                    available_bytes=available,
                )
                for node in nodes
            },
        )

    def space(self) -> Space:
        """What all pools together have in use and available."""
        used = space.used_bytes(list(self.nodes.values()))
        return Space(used, space.UNLIMITED_BYTES if self.capacity_bytes is None else max(0, self.capacity_bytes - used))

    def plain(self, name: str, snapshot: str) -> bytes:
        """The content of a snapshot as a reader sees it; its key must be loaded."""
        node, content = self.find(name), self.find_shot(name, snapshot).content
        if node.key is None:
            return b"".join(blob.stored for blob in content)
        if node.master is None:
            raise ZfsSaysError(f"cannot mount '{name}': encryption key not loaded")
        return b"".join(seal(node.master, blob.nonce, blob.stored) for blob in content)

    def free_bytes(self) -> int | None:
        """What still fits; None for any amount. A blob that several snapshots share counts once."""
        if self.capacity_bytes is None:
            return None
        return self.capacity_bytes - space.used_bytes(list(self.nodes.values()))

    # Making.

    def guid(self) -> int:
        """A fresh identity."""
        return self._rng.getrandbits(62) + 1

    def next_txg(self) -> int:
        """The next transaction group: what orders snapshots in these pools."""
        self._txg += 1
        return self._txg

    def create(
        self, name: str, *, kind: Kind = Kind.FILESYSTEM, passphrase: str | None = None, plain: bool = False
    ) -> Node:
        """Create a dataset, encrypted as its parent is unless it gets a passphrase of its own or is to be plain."""
        if name in self.nodes:
            raise ZfsSaysError(f"cannot create '{name}': dataset already exists")
        above = self.nodes.get(parent(name) or "")
        if above is None:
            raise ZfsSaysError(f"cannot create '{name}': parent does not exist")
        node = Node(name=name, kind=kind, guid=self.guid())
        if passphrase is not None:
            node.master = self._rng.randbytes(16)
            node.key = WrappedKey.wrap(node.master, passphrase)
            node.encryption_root = name
        elif above.key is not None and not plain:
            self.inherit_key(node, above)
        self.nodes[name] = node
        return node

    def inherit_key(self, node: Node, above: Node) -> None:
        """Encrypt a fresh dataset as the one above it."""
        if above.master is None:
            message = f"cannot create '{node.name}': encryption root's key is not loaded or provided"
            raise ZfsSaysError(message)
        # Simpler than ZFS, where each dataset has a key of its own under the root's.
        node.key, node.master, node.encryption_root = above.key, above.master, above.encryption_root

    def write(self, name: str, data: bytes) -> None:
        """Write to a dataset; what was written before stays."""
        node = self.find(name)
        nonce = self.guid()
        if node.key is not None and node.master is None:
            raise ZfsSaysError(f"cannot mount '{name}': encryption key not loaded")
        stored = seal(node.master, nonce, data) if node.master is not None else data
        self.embeds = self.embeds or (node.key is None and len(data) <= _EMBEDDED_BYTES)
        node.content = (*node.content, Blob(nonce, stored))

    def snapshot(self, root: str, snapshots: Iterable[str], *, recursive: bool = False) -> None:
        """Take snapshots of a dataset, and of all below it; all of them or none."""
        self.snapshot_all([root], snapshots, recursive=recursive)

    def snapshot_all(self, roots: Iterable[str], snapshots: Iterable[str], *, recursive: bool = False) -> None:
        """The same of several datasets."""
        snapshots = tuple(snapshots)
        tops = [self.find(root) for root in roots]
        nodes = [node for top in tops for node in (self.below(top.name) if recursive else [top])]
        for node in nodes:
            if taken := next((name for name in snapshots if node.shot(name)), None):
                raise ZfsSaysError(f"cannot create snapshot '{node.name}@{taken}': dataset already exists")
            if node.partial is not None and not node.snapshots:
                raise ZfsSaysError(f"cannot create snapshot '{node.name}@{snapshots[0]}': {words.BUSY}")
        for name in snapshots:
            createtxg = self.next_txg()
            for node in nodes:
                self.add_shot(node, name, guid=self.guid(), content=node.content, createtxg=createtxg)

    def add_shot(
        self,
        node: Node,
        name: str,
        *,
        guid: int,
        content: Content,
        createtxg: int,
        creation: int | None = None,
        ivsetguid: int | None = None,
    ) -> None:
        """Give a dataset one more snapshot, with an IV set of its own unless it has one already."""
        if node.key is not None and ivsetguid is None:
            ivsetguid = self.guid()
        self.touch(node)
        created = int(self._clock.now()) if creation is None else creation
        node.snapshots.append(
            Shot(name=name, guid=guid, createtxg=createtxg, creation=created, ivsetguid=ivsetguid, content=content)
        )

    def touch(self, node: Node) -> None:
        """A snapshot of a dataset was made or destroyed just now."""
        node.snapshots_changed = int(self._clock.now())

    def bookmark(self, name: str, snapshot: str, mark: str) -> None:
        """Make a bookmark of a snapshot."""
        node, shot = self.find(name), self.find_shot(name, snapshot)
        if any(other.name == mark for other in node.bookmarks):
            raise ZfsSaysError(words.BOOKMARK_EXISTS.format(name=f"{name}#{mark}"))
        node.bookmarks.append(
            Mark(
                name=mark,
                guid=shot.guid,
                createtxg=shot.createtxg,
                creation=shot.creation,
                ivsetguid=shot.ivsetguid,
                length=len(shot.content),
            )
        )

    def hold(self, name: str, snapshot: str, tag: str) -> None:
        """Hold a snapshot."""
        holds = self.find_shot(name, snapshot).holds
        if tag in holds:
            raise ZfsSaysError(words.TAG_EXISTS.format(name=f"{name}@{snapshot}"))
        holds.add(tag)

    def release(self, name: str, snapshot: str, tag: str) -> None:
        """Release a hold."""
        holds = self.find_shot(name, snapshot).holds
        if tag not in holds:
            raise ZfsSaysError(words.NO_TAG.format(name=f"{name}@{snapshot}"))
        holds.remove(tag)

    def clone(self, name: str, snapshot: str, clone: str) -> None:
        """Clone a snapshot into a new dataset of the same pool."""
        node, shot = self.find(name), self.find_shot(name, snapshot)
        if clone in self.nodes or parent(clone) not in self.nodes or pool(clone) != pool(name):
            raise ZfsSaysError(f"cannot create '{clone}': dataset already exists, or has no parent in this pool")
        self.nodes[clone] = Node(
            name=clone,
            kind=node.kind,
            guid=self.guid(),
            key=node.key,
            encryption_root=node.encryption_root,
            master=node.master,
            content=shot.content,
            origin=f"{name}@{snapshot}",
        )

    # Keys.

    def load_key(self, root: str, passphrase: str) -> None:
        """Unlock an encryption root and all that inherits from it."""
        for node in self.nodes.values():
            if node.encryption_root == root and node.key is not None:
                node.master = node.key.unwrap(passphrase)
                if node.master is None:
                    raise ZfsSaysError(f"Key load error: Incorrect key provided for '{root}'.")

    def unload_key(self, root: str) -> None:
        """Lock an encryption root and all that inherits from it."""
        for node in self.nodes.values():
            if node.encryption_root == root:
                node.master = None
