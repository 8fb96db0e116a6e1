"""What zfs(8) says when it fails, as one table: text, side, verdict, reason, hint.

The texts were read in OpenZFS 2.1 to 2.4 (libzfs_sendrecv.c, libzfs_dataset.c, zfs_main.c); `seen` names the
versions on which a test provoked the row on a real pool (tests/words), and is empty where none did. Exit statuses tell
little: 1 for nearly all, 255 for `zfs send -t` (as for ssh), and 0 on 2.3 where only the mount after a receive failed.
The first row that fits wins, so the more telling texts stand first (zfs/stderr.py looks them up).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Which end of a transfer said something."""

    SOURCE = "source"
    TARGET = "target"
    EITHER = "either"


class Verdict(StrEnum):
    """What to do about it."""

    RETRY = "retry"
    """Try again after a pause: list, plan, and go on from what is there."""
    DISCARD = "discard"
    """The interrupted receive can't be resumed: throw the partial state away after a fresh listing, then plan again."""
    REFUSE = "refuse"
    """A person must decide."""
    FAIL = "fail"
    """No use in trying before something was changed by a person."""
    LOCAL = "local"
    """The pool here is in trouble."""
    VERIFY = "verify"
    """Perhaps no failure at all: look whether the snapshot arrived."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text of zfs(8) and what it means."""

    text: str
    side: Side
    verdict: Verdict
    reason: str
    hint: str = ""
    seen: tuple[str, ...] = ()

    @property
    def is_effect(self) -> bool:
        """Whether the text names what something at the other end, or between, led to."""
        return self.reason in _EFFECTS


_S, _T, _E = Side.SOURCE, Side.TARGET, Side.EITHER
_RELIST = "the next attempt lists both sides and plans again"
_FEATURE = "the target's OpenZFS or pool is too old for this stream: upgrade it"
_BOTH, _NEW = ("2.1", "2.3"), ("2.3",)

TABLE: tuple[Row, ...] = (
    # The source's gate (packaging/source/zfspull-gate): first of all, since it repeats names.
    Row(
        "zfspull-gate: refused",
        _S,
        Verdict.FAIL,
        "permission",
        "see the datasets and `--allow` after zfspull-gate in authorized_keys on the source",
    ),
    # The target, by what it says of itself.
    Row(
        "out of space",
        _T,
        Verdict.LOCAL,
        "out_of_space",
        "free space in the target pool; the partial receive is kept",
        seen=_BOTH,
    ),
    Row(
        "space quota exceeded",
        _T,
        Verdict.LOCAL,
        "quota",
        "raise the quota of the target; the partial receive is kept",
        seen=_BOTH,
    ),
    Row("No space left on device", _T, Verdict.LOCAL, "out_of_space", "free space in the target pool"),
    Row(
        "pool I/O is currently suspended",
        _E,
        Verdict.LOCAL,
        "suspended",
        "see `zpool status`, then `zpool clear`",
        seen=_BOTH,
    ),
    Row("pool is read-only", _T, Verdict.LOCAL, "read_only", "the target pool was imported read-only", seen=_BOTH),
    Row("partially-complete state", _T, Verdict.RETRY, "partial_state", _RELIST, seen=_BOTH),
    Row("does not\nmatch incremental source", _T, Verdict.RETRY, "base_differs", _RELIST, seen=_BOTH),
    Row(
        "has been modified",
        _T,
        Verdict.REFUSE,
        "target_modified",
        "the target was written to, or has newer snapshots",
        seen=_BOTH,
    ),
    Row("Resuming recv on existing", _T, Verdict.DISCARD, "partial_state", seen=_NEW),
    Row(
        "must specify -F to overwrite it",
        _T,
        Verdict.REFUSE,
        "target_exists",
        "something else lies where the replica should",
        seen=_BOTH,
    ),
    Row(
        "must destroy them to overwrite it",
        _T,
        Verdict.REFUSE,
        "target_exists",
        "the target has snapshots of its own",
        seen=_BOTH,
    ),
    Row("destination already exists", _T, Verdict.RETRY, "target_exists", _RELIST, seen=_BOTH),
    Row(
        "IV set guid m",
        _T,
        Verdict.REFUSE,
        "raw_lineage_broken",
        "the target's snapshot no longer has the IV set it was sent with",
        seen=_BOTH,
    ),
    Row(
        "encryption key does not match",
        _T,
        Verdict.REFUSE,
        "key_differs",
        "the source was created anew or has another key",
        seen=_BOTH,
    ),
    Row("raw receive on top of existing unencrypted", _T, Verdict.REFUSE, "source_became_encrypted", seen=_BOTH),
    Row("cannot be used to destroy an encrypted", _T, Verdict.REFUSE, "encryption_differs", seen=_BOTH),
    Row(
        "inherited key must be loaded",
        _T,
        Verdict.REFUSE,
        "parent_locked",
        "load the key of the target's parent, or choose a plain parent",
        seen=_BOTH,
    ),
    Row("failed to create encryption key", _T, Verdict.REFUSE, "parent_locked", "load the key of the target's parent"),
    Row("encryption key not loaded", _T, Verdict.VERIFY, "mount", seen=_BOTH),
    Row("cannot mount", _T, Verdict.VERIFY, "mount", seen=_BOTH),
    Row(
        "encryption property", _T, Verdict.FAIL, "property", "take the property out of `target.properties`", seen=_BOTH
    ),
    Row(
        "does not apply to datasets of this type",
        _T,
        Verdict.FAIL,
        "property",
        "move it to `target.filesystem_properties`",
        seen=_BOTH,
    ),
    Row(
        "kernel modules must be upgraded",
        _T,
        Verdict.DISCARD,
        "stream_damaged",
        "if it comes back: " + _FEATURE,
        seen=_BOTH,
    ),
    Row("unsupported feature", _T, Verdict.FAIL, "feature", _FEATURE, seen=_NEW),
    Row("pool must be upgraded", _T, Verdict.FAIL, "feature", _FEATURE, seen=_BOTH),
    Row("crypto parameters not compatible", _T, Verdict.FAIL, "feature", _FEATURE, seen=_NEW),
    Row("requires -L", _T, Verdict.FAIL, "flags", "the replica was first received with other send flags", seen=_BOTH),
    Row("Spill block flag missing", _T, Verdict.FAIL, "feature", "upgrade OpenZFS on the source"),
    Row("incompatible embedded data", _T, Verdict.RETRY, "target_changed", _RELIST, seen=_NEW),
    Row(
        "bad magic number",
        _T,
        Verdict.FAIL,
        "bad_stream",
        "the source's shell prints text into the stream: silence its profile",
        seen=_BOTH,
    ),
    Row("bad snapshot name", _T, Verdict.FAIL, "bad_stream", seen=_BOTH),
    Row("invalid backup stream", _T, Verdict.DISCARD, "stream_damaged", seen=_BOTH),
    Row("kernel memory allocation larger", _T, Verdict.FAIL, "memory"),
    Row("must be run as root", _E, Verdict.FAIL, "permission", "see `zfs allow`", seen=_BOTH),
    Row("permission denied", _E, Verdict.FAIL, "permission", "see `zfs allow`", seen=_BOTH),
    Row("Permission denied", _E, Verdict.FAIL, "permission", "see `zfs allow`", seen=_BOTH),
    Row("modules are not loaded", _E, Verdict.FAIL, "no_zfs", "load the zfs module", seen=_BOTH),
    Row("modules cannot be auto-loaded", _E, Verdict.FAIL, "no_zfs", "load the zfs module", seen=_NEW),
    # The source.
    Row("used in the initial send no longer exists", _S, Verdict.DISCARD, "token_stale", seen=_BOTH),
    Row("is no longer the same snapshot used in the initial send", _S, Verdict.DISCARD, "token_stale", seen=_BOTH),
    Row("no longer exists", _S, Verdict.DISCARD, "token_stale", seen=_BOTH),
    Row("resume token is corrupt", _S, Verdict.DISCARD, "token_corrupt", seen=_BOTH),
    Row("cannot resume send", _S, Verdict.RETRY, "source_changed", _RELIST),
    Row("key must be loaded", _S, Verdict.FAIL, "not_raw", "encrypted datasets must be sent raw", seen=_BOTH),
    Row("may not be sent with properties without the raw flag", _S, Verdict.FAIL, "not_raw", seen=_BOTH),
    Row("large microzaps", _S, Verdict.FAIL, "flags", seen=_NEW),
    Row(
        "dataset already exists",
        _S,
        Verdict.RETRY,
        "snapshot_exists",
        "somebody took a snapshot of that name in the same second",
    ),
    Row("does not exist", _S, Verdict.RETRY, "source_changed", _RELIST, seen=_BOTH),
    # What a send from a bookmark that is gone ends with on 2.3.9, when the bookmark is named in full.
    Row("No such process", _S, Verdict.RETRY, "source_changed", _RELIST, seen=_BOTH),
    Row("is not earlier than it", _S, Verdict.RETRY, "source_changed", _RELIST),
    Row("not an earlier snapshot from the same fs", _S, Verdict.RETRY, "source_changed", _RELIST, seen=_BOTH),
    Row("target is busy", _S, Verdict.RETRY, "busy", seen=_BOTH),
    # Either.
    Row("no such pool", _E, Verdict.FAIL, "no_pool", "import the pool", seen=_BOTH),
    Row("does not exist", _T, Verdict.RETRY, "target_changed", _RELIST, seen=_BOTH),
    Row("is busy", _E, Verdict.RETRY, "busy", seen=_BOTH),
    Row("has children", _T, Verdict.RETRY, "has_children", _RELIST, seen=_BOTH),
    Row("being held", _E, Verdict.RETRY, "held", seen=_NEW),
    Row("snapshot is cloned", _E, Verdict.RETRY, "cloned"),
    Row("dependent clones", _E, Verdict.RETRY, "cloned", seen=_BOTH),
    Row("clones of previous snapshots exist", _E, Verdict.RETRY, "cloned", seen=_BOTH),
    Row("I/O error", _E, Verdict.RETRY, "io_error", "see `zpool status -v`"),
    Row("Input/output error", _E, Verdict.RETRY, "io_error", "see `zpool status -v`", seen=_BOTH),
    Row("command not found", _E, Verdict.FAIL, "no_zfs", "set `zfs:` to the full path of the command", seen=_BOTH),
    Row(": not found", _E, Verdict.FAIL, "no_zfs", "set `zfs:` to the full path of the command", seen=_BOTH),  # dash
    Row(
        "No such file or directory",
        _E,
        Verdict.FAIL,
        "no_zfs",
        "set `zfs:` to the full path of the command",
        seen=_BOTH,
    ),
    Row(
        "internal error",
        _E,
        Verdict.FAIL,
        "internal",
        "a bug or corruption in ZFS: see `zpool status -v` and the kernel's log",
    ),
    # The effects of what happened at the other end or between: the last resort.
    Row("incomplete stream", _T, Verdict.RETRY, "stream_ended", seen=_BOTH),
    Row("checksum mismatch", _T, Verdict.RETRY, "stream_damaged", seen=_BOTH),
    Row("failed to read from stream", _T, Verdict.RETRY, "stream_ended", seen=_BOTH),
    Row("signal received", _E, Verdict.RETRY, "killed", seen=_BOTH),
    Row("roken pipe", _E, Verdict.RETRY, "stream_ended", seen=("2.1",)),
)

_EFFECTS = frozenset({"stream_ended", "stream_damaged", "killed"})
