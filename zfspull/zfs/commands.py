"""The command lines of zfs(8) that zfspull uses, all of them, as lists of words without the `zfs` in front.

A word is never quoted here: whoever runs a command through a shell quotes it there. Sources: zfs-list(8), zfs-send(8),
zfs-receive(8), zfs-destroy(8), zfs-snapshot(8) and zfs-create(8) of OpenZFS 2.1 to 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zfspull.zfs.model import Bookmark, Point, Snapshot


Argv = list[str]

DATASET_COLUMNS = (
    "name",
    "type",
    "guid",
    "encryptionroot",
    "keystatus",
    "receive_resume_token",
    "written",
    "mounted",
    "readonly",
    "origin",
)
TARGET_DATASET_COLUMNS = (*DATASET_COLUMNS, "used", "usedbysnapshots", "available")
SPACE_COLUMNS = ("name", "used", "available")
POINT_COLUMNS = ("name", "type", "guid", "createtxg", "creation", "ivsetguid", "userrefs", "clones")
BRIEF_COLUMNS = ("name", "guid", "createtxg")
"""All of them are in OpenZFS's zfs_list_only_by_fast(), and nothing else that is of use: one column more, and zfs(8)
asks the kernel for all properties of each snapshot, which takes ten times as long."""
CHANGED_COLUMN = "snapshots_changed"
"""OpenZFS has it from 2.2 on; an older one fails the whole listing."""
ARRIVED_COLUMNS = ("name", "guid", "ivsetguid", "receive_resume_token")


def list_datasets(root: str, *, recursive: bool, columns: Sequence[str] = DATASET_COLUMNS) -> Argv:
    """The filesystems and volumes at and below `root`."""
    return [*_list("filesystem,volume", columns, depth=None if recursive else 0), root]


def list_named_datasets(names: Sequence[str], columns: Sequence[str]) -> Argv:
    """Filesystems and volumes, each by its full name, and nothing below them.

    To find out what lies below a dataset, the kernel opens it once for each that does, and these once more to see that
    there is no further one. What is not mounted is opened from the start each time.
    """
    return [*_list("filesystem,volume", columns, depth=0), *names]


def list_space(pool: str) -> Argv:
    """How much of a pool is in use and how much is available, without what it keeps for itself."""
    return [*_list("filesystem", SPACE_COLUMNS, depth=0), pool]


def list_points(root: str, *, recursive: bool, bookmarks: bool, columns: Sequence[str]) -> Argv:
    """The snapshots, and the bookmarks if wanted, of everything at and below `root`."""
    types = "snapshot,bookmark" if bookmarks else "snapshot"
    return [*_list(types, columns, depth=None if recursive else 1), root]


def list_points_of(datasets: Sequence[str], *, bookmarks: bool, columns: Sequence[str]) -> Argv:
    """The snapshots, and the bookmarks if wanted, of several datasets and of nothing below them."""
    types = "snapshot,bookmark" if bookmarks else "snapshot"
    return [*_list(types, columns, depth=1), *datasets]


def list_named_points(points: Sequence[str]) -> Argv:
    """Snapshots and bookmarks, each given by its full name."""
    return [*_list("snapshot,bookmark", POINT_COLUMNS, depth=0), *points]


def list_after_steps(points: Sequence[tuple[str, str]]) -> Argv:
    """Datasets and one snapshot of each: what steps should have left behind."""
    names = dict.fromkeys(name for dataset, snapshot in points for name in (dataset, f"{dataset}@{snapshot}"))
    return ["list", "-Hp", "-d", "0", "-t", "all", "-o", ",".join(ARRIVED_COLUMNS), *names]


def _list(types: str, columns: Sequence[str], *, depth: int | None) -> Argv:
    reach = ["-r"] if depth is None else ["-d", str(depth)]
    return ["list", "-Hp", *reach, "-t", types, "-o", ",".join(columns)]


_AS_STORED = ("-w",)
"""Ciphertext of an encrypted dataset; of a plain one, blocks as they are on disk (`-Lec`)."""
_NOT_EMBEDDED = ("-L", "-c")
"""The same of a plain dataset, but for small blocks that lie in their pointers: ZFS takes none of those into a dataset
that it encrypts itself. Of an encrypted one it would be plaintext."""


def send(dataset: str, to: Snapshot, base: Point | None, *, intermediate: bool, embedded: bool = True) -> Argv:
    """A full stream, or an increment (`-i`, or `-I` with all snapshots between).

    Without `embedded`, only of a plain dataset. `-P` makes the sender print the expected size.
    """
    words = ["send", "-P", *(_AS_STORED if embedded else _NOT_EMBEDDED)]
    if base is not None:
        start = f"{dataset}{base.mark}" if isinstance(base, Bookmark) else base.mark
        words += ["-I" if intermediate else "-i", start]
    return [*words, f"{dataset}{to.mark}"]


def send_resume(token: str, *, embedded: bool = True) -> Argv:
    """The rest of an interrupted stream. The token knows the flags of the first part, and flags given here are added.

    So `embedded` has to be what it was: of a rest, zfs receive takes embedded blocks even where it encrypts the
    dataset, which then can't be read (seen on 2.3.9: mounting it is an I/O error).
    """
    return ["send", "-P", *(_AS_STORED if embedded else _NOT_EMBEDDED), "-t", token]


def dry_run(send_words: Argv) -> Argv:
    """The same send, which only prints what it would be."""
    return [send_words[0], "-n", *send_words[1:]]


def receive(dataset: str, *, properties: Mapping[str, str], exclude: Sequence[str]) -> Argv:
    """Receive into `dataset`, resumable and unmounted, with our own properties over those of a stream."""
    words = ["receive", "-s", "-u"]
    for name, value in sorted(properties.items()):
        words += ["-o", f"{name}={value}"]
    for name in sorted(exclude):
        words += ["-x", name]
    return [*words, dataset]


def abort_receive(dataset: str) -> Argv:
    """Throw the partial state of an interrupted receive away."""
    return ["receive", "-A", dataset]


def rollback(dataset: str, snapshot: str) -> Argv:
    """Roll a dataset back to one of its snapshots; later snapshots are destroyed (`-r`)."""
    return ["rollback", "-r", f"{dataset}@{snapshot}"]


def rename(dataset: str, new_name: str) -> Argv:
    """Rename a dataset with all below it."""
    return ["rename", dataset, new_name]


def create(dataset: str, *, properties: Mapping[str, str]) -> Argv:
    """Create an empty filesystem that is not mounted; its parent must exist."""
    words = ["create", "-u"]
    for name, value in sorted(properties.items()):
        words += ["-o", f"{name}={value}"]
    return [*words, dataset]


def destroy_snapshots(dataset: str, snapshots: Sequence[str], *, dry_run: bool) -> Argv:
    """Destroy the named snapshots of one dataset, each named in full: never a range (`%`)."""
    flags = ["-nvp"] if dry_run else []
    return ["destroy", *flags, f"{dataset}@{','.join(snapshots)}"]


def destroy_dataset(dataset: str) -> Argv:
    """Destroy a filesystem or volume; never with `-r`, so that what has snapshots or children stays."""
    return ["destroy", dataset]


def bookmark(dataset: str, snapshot: str, name: str) -> Argv:
    """Bookmark a snapshot."""
    return ["bookmark", f"{dataset}@{snapshot}", f"{dataset}#{name}"]


def destroy_bookmark(dataset: str, name: str) -> Argv:
    """Destroy a bookmark; the `#` makes sure that it is nothing else."""
    return ["destroy", f"{dataset}#{name}"]


def hold(dataset: str, snapshot: str, tag: str) -> Argv:
    """Put a hold on a snapshot."""
    return ["hold", tag, f"{dataset}@{snapshot}"]


def release(dataset: str, snapshot: str, tag: str) -> Argv:
    """Take a hold from a snapshot."""
    return ["release", tag, f"{dataset}@{snapshot}"]


def holds(snapshots: Sequence[str]) -> Argv:
    """The holds on snapshots, given by their full names; those without any print nothing."""
    return ["holds", "-H", *snapshots]


def allow(dataset: str) -> Argv:
    """Print what is delegated to whom on a dataset, there and above it."""
    return ["allow", dataset]


def snapshot(datasets: Sequence[str], name: str, *, recursive: bool) -> Argv:
    """Take snapshots of one name, atomically: also of several datasets, as long as they are in one pool."""
    flags = ["-r"] if recursive else []
    return ["snapshot", *flags, *(f"{dataset}@{name}" for dataset in datasets)]


def version() -> Argv:
    """Print the versions of the commands and of the kernel module."""
    return ["version"]


def list_used(dataset: str) -> Argv:
    """What a dataset and all below it take."""
    return [*_list("filesystem,volume", ("name", "used"), depth=0), dataset]


def list_canmount(root: str) -> Argv:
    """Whether the filesystems at and below `root` are mounted by themselves."""
    return [*_list("filesystem", ("name", "canmount"), depth=None), root]


def pool_properties(pool: str) -> Argv:
    """All properties of a pool with their values, for zpool(8); among them its features."""
    return ["get", "-H", "-o", "property,value", "all", pool]


def list_pools() -> Argv:
    """The names of the pools, which are those of their top filesystems."""
    return [*_list("filesystem", ("name",), depth=0)]
