"""What zfs(8) says when it refuses, word for word as OpenZFS 2.3.9 printed it on a real pool."""

from __future__ import annotations


class ZfsSaysError(Exception):
    """A command of the in-memory zfs(8) failed; `text` is what it printed on standard error."""

    def __init__(self, text: str, *, status: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


NO_STREAM = "cannot receive: failed to read from stream"
BAD_MAGIC = "cannot receive: invalid stream (bad magic number)"
INCOMPLETE = "checksum mismatch or incomplete stream."
PARTIAL = 'destination {name} contains partially-complete state from "zfs receive -s".'
EXISTS = "destination '{name}' exists\nmust specify -F to overwrite it"
NO_DESTINATION = "destination '{name}' does not exist"
NO_PARENT = (
    "cannot open '{parent}': dataset does not exist\n"
    "cannot receive new filesystem stream: unable to restore to destination"
)
NO_MATCH = "most recent snapshot of {name} does not\nmatch incremental source"
MODIFIED = "destination {name} has been modified\nsince most recent snapshot"
RAW_ON_PLAIN = "cannot perform raw receive on top of existing unencrypted dataset"
KEY_NEEDED = "inherited key must be loaded"
KEY_DIFFERS = "encryption key does not match existing key"
IVSET_DIFFERS = (
    "IV set guid mismatch. See the 'zfs receive' man page section\n"
    " discussing the limitations of raw encrypted send streams."
)
EMBEDDED = "incompatible embedded data stream feature with encrypted receive."
ENCRYPTION_NOT_SETTABLE = "encryption property 'encryption' cannot be set for incremental streams."
NAME_TAKEN = "cannot restore to {name}@{snapshot}: destination already exists"
NO_SPACE = "out of space"
BUSY = "dataset is busy"
NOTHING_TO_ABORT = "'{name}' does not have any resumable receive state to abort"

NO_DATASET = "cannot open '{name}': dataset does not exist"
NO_BOOKMARK = "warning: cannot send '{name}': No such process"
NOT_EARLIER = "warning: cannot send '{name}': not an earlier snapshot from the same fs"
RESUME_SNAPSHOT_GONE = "cannot resume send: '{name}' used in the initial send no longer exists"
RESUME_BASE_GONE = "cannot resume send: incremental source {guid:#x} no longer exists"
RESUME_CORRUPT = "cannot resume send: resume token is corrupt (invalid format)"

HELD = "cannot destroy snapshot {name}: it's being held. Run 'zfs holds -r {name}' to see holders."
CLONED = "cannot destroy '{name}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n{clones}"
HAS_CHILDREN = "cannot destroy '{name}': {kind} has children\nuse '-r' to destroy the following datasets:\n{children}"
ROLLBACK_CLONED = (
    "cannot rollback to '{name}': clones of previous snapshots exist\n"
    "use '-R' to force deletion of the following clones and dependents:\n{clones}"
)
ROLLBACK_HELD = "cannot destroy '{name}': dataset is busy"
BOOKMARK_EXISTS = "cannot create bookmark '{name}': bookmark exists"
BOOKMARK_GONE = "bookmark '{name}' does not exist."
TAG_EXISTS = "cannot hold snapshot '{name}': tag already exists on this dataset"
NO_TAG = "cannot release hold from snapshot '{name}': no such tag on this dataset"
DENIED = {
    "bookmark": "cannot create bookmark '{name}': permission denied",
    "destroy": "cannot destroy bookmark: permission denied",
    "hold": "cannot hold: permission denied",
    "release": "cannot release: permission denied",
}
DESTROY_DENIED = "cannot destroy snapshots: permission denied"
NO_SNAPSHOTS = "could not find any snapshots to destroy; check snapshot names."


def resumable(token: str) -> str:
    """What `zfs receive -s` says after an interruption."""
    return (
        f"{INCOMPLETE}\nPartially received snapshot is saved.\n"
        f"A resuming stream can be generated on the sending system by running:\n    zfs send -t {token}"
    )
