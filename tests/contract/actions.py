"""What an administrator does to a pool, as data: each action knows its shell line and its in-memory counterpart.

`name` is the dataset's full name; `path` is relative to the root that a test works in, and `""` is that root.
"""

import shlex
from dataclasses import dataclass

from zfspull.hosts.memory import Pools, changes
from zfspull.zfs.model import Kind
from zfspull.zfs.names import join


DEFAULT_BYTES = 20_000


@dataclass(frozen=True)
class Action:
    """One command on the dataset at `path`."""

    path: str

    def shell(self, root: str) -> str:
        """The line that does it in a machine."""
        raise NotImplementedError

    def apply(self, pools: Pools, root: str) -> None:
        """The same to pools in memory."""
        raise NotImplementedError

    def name(self, root: str) -> str:
        return join(root, self.path)


def quoted(name: str) -> str:
    return shlex.quote(name)


@dataclass(frozen=True)
class Create(Action):
    """Create a dataset: encrypted as its parent is, with a `key` of its own, or `plain` in spite of its parent."""

    key: str | None = None
    volume: bool = False
    plain: bool = False

    def shell(self, root):
        options = ["-s", "-V", "16M"] if self.volume else []
        if self.key:
            location = f"file://{key_file(self.key)}"
            options += ["-o", "encryption=on", "-o", "keyformat=raw", "-o", f"keylocation={location}"]
        if self.plain:
            options += ["-o", "encryption=off"]
        return f"zfs create {shlex.join(options)} {quoted(self.name(root))}"

    def apply(self, pools, root):
        kind = Kind.VOLUME if self.volume else Kind.FILESYSTEM
        pools.create(self.name(root), kind=kind, passphrase=self.key, plain=self.plain)


def key_file(key: str) -> str:
    return f"/root/contract-{key}.key"


_numbers = iter(range(1, 1_000_000))


@dataclass(frozen=True)
class Write(Action):
    """Write random content: a new file, or the beginning of a volume."""

    size: int = DEFAULT_BYTES
    volume: bool = False

    def shell(self, root):
        name = quoted(self.name(root))
        if self.volume:
            return f"udevadm settle; head -c {self.size} /dev/urandom | dd of=/dev/zvol/{name} conv=notrunc,fsync status=none"
        return f"head -c {self.size} /dev/urandom >/{name}/file{next(_numbers):06}"

    def apply(self, pools, root):
        pools.write(self.name(root), pools._rng.randbytes(self.size))


@dataclass(frozen=True)
class Embed(Action):
    """Write so little that it lies compressed in its block pointer: the pool's `embedded_data` is active from then on."""

    def shell(self, root):
        name = quoted(self.name(root))
        return f"zfs set compression=lz4 {name} && printf %90s . >/{name}/file{next(_numbers):06}"

    def apply(self, pools, root):
        pools.write(self.name(root), b"." * 90)


@dataclass(frozen=True)
class Erase(Action):
    """Delete all files of a filesystem. In memory an increment can't tell of it, so only where nothing is sent later."""

    def shell(self, root):
        return f"find /{quoted(self.name(root))} -type f -delete; sync"

    def apply(self, pools, root):
        pools.find(self.name(root)).content = ()


@dataclass(frozen=True)
class Sync(Action):
    """See to it that what was written counts as `written`: ZFS tells it some seconds later."""

    def shell(self, root):
        return f"zpool sync {quoted(root.partition('/')[0])}"

    def apply(self, pools, root):
        pass


@dataclass(frozen=True)
class WriteReplica(Action):
    """Write to a replica as nobody should: mounted, and made writable for it."""

    def shell(self, root):
        name = quoted(self.name(root))
        return (
            f"zfs set readonly=off {name} && zfs mount {name} && echo stray >/{name}/stray && "
            f"zfs unmount {name} && zfs set readonly=on {name}"
        )

    def apply(self, pools, root):
        pools.write(self.name(root), b"stray")


@dataclass(frozen=True)
class Snapshot(Action):
    snapshot: str
    recursive: bool = False

    def shell(self, root):
        return f"zfs snapshot {'-r ' * self.recursive}{quoted(self.name(root) + '@' + self.snapshot)}"

    def apply(self, pools, root):
        pools.snapshot(self.name(root), [self.snapshot], recursive=self.recursive)


@dataclass(frozen=True)
class Bookmark(Action):
    snapshot: str
    bookmark: str

    def shell(self, root):
        name = self.name(root)
        return f"zfs bookmark {quoted(f'{name}@{self.snapshot}')} {quoted(f'{name}#{self.bookmark}')}"

    def apply(self, pools, root):
        pools.bookmark(self.name(root), self.snapshot, self.bookmark)


@dataclass(frozen=True)
class DestroySnapshots(Action):
    snapshots: tuple[str, ...]

    def shell(self, root):
        return f"zfs destroy {quoted(self.name(root) + '@' + ','.join(self.snapshots))}"

    def apply(self, pools, root):
        changes.destroy_snapshots(pools, self.name(root), self.snapshots)


@dataclass(frozen=True)
class CopyPlain(Action):
    """Copy a snapshot to a new dataset that is not encrypted: the copy of an encrypted one has the guid of the first."""

    snapshot: str
    new: str

    def shell(self, root):
        return f"zfs send {quoted(f'{self.name(root)}@{self.snapshot}')} | zfs receive {quoted(join(root, self.new))}"

    def apply(self, pools, root):
        shot, new = pools.find_shot(self.name(root), self.snapshot), join(root, self.new)
        node = pools.create(new, plain=True)
        pools.write(new, pools.plain(self.name(root), self.snapshot))
        pools.add_shot(node, self.snapshot, guid=shot.guid, content=node.content, createtxg=pools.next_txg())


@dataclass(frozen=True)
class Destroy(Action):
    """Destroy a dataset with all below it."""

    def shell(self, root):
        return f"zfs destroy -r {quoted(self.name(root))}"

    def apply(self, pools, root):
        changes.destroy(pools, self.name(root))


@dataclass(frozen=True)
class Hold(Action):
    snapshot: str

    def shell(self, root):
        return f"zfs hold keep {quoted(f'{self.name(root)}@{self.snapshot}')}"

    def apply(self, pools, root):
        pools.hold(self.name(root), self.snapshot, "keep")


@dataclass(frozen=True)
class Clone(Action):
    snapshot: str
    clone: str

    def shell(self, root):
        source, clone = f"{self.name(root)}@{self.snapshot}", join(root, self.clone)
        return f"zfs clone -o canmount=off {quoted(source)} {quoted(clone)}"

    def apply(self, pools, root):
        pools.clone(self.name(root), self.snapshot, join(root, self.clone))


@dataclass(frozen=True)
class Rollback(Action):
    snapshot: str

    def shell(self, root):
        return f"zfs rollback -r {quoted(f'{self.name(root)}@{self.snapshot}')}"

    def apply(self, pools, root):
        changes.rollback(pools, self.name(root), self.snapshot)


@dataclass(frozen=True)
class Rename(Action):
    new: str

    def shell(self, root):
        return f"zfs rename {quoted(self.name(root))} {quoted(join(root, self.new))}"

    def apply(self, pools, root):
        changes.rename(pools, self.name(root), join(root, self.new))


@dataclass(frozen=True)
class RenameSnapshot(Action):
    snapshot: str
    new: str

    def shell(self, root):
        name = self.name(root)
        return f"zfs rename {quoted(f'{name}@{self.snapshot}')} {quoted(f'{name}@{self.new}')}"

    def apply(self, pools, root):
        pools.touch(pools.find(self.name(root)))
        pools.find_shot(self.name(root), self.snapshot).name = self.new


@dataclass(frozen=True)
class LoadKey(Action):
    key: str

    def shell(self, root):
        return f"zfs load-key -L file://{key_file(self.key)} {quoted(self.name(root))}"

    def apply(self, pools, root):
        pools.load_key(self.name(root), self.key)


@dataclass(frozen=True)
class UnloadKey(Action):
    def shell(self, root):
        return f"zfs unload-key {quoted(self.name(root))}"

    def apply(self, pools, root):
        pools.unload_key(self.name(root))
