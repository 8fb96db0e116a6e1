"""Reads what zfs(8) wrote to its standard error: what failed, what was missing, and what tells of no failure.

zfs must run with LC_ALL=C. The texts of failures are the table in zfs/texts.py.
"""

from __future__ import annotations

import re

from zfspull.zfs.texts import TABLE, Row, Side


_BESIDE_THE_POINT = re.compile(
    r"^(?:"
    # What `-P` makes a sender print (send_print_verbose() and the progress of libzfs_sendrecv.c), and what it then says
    # of a token (nvlist_print()). Names in it may look like any row of the table.
    r"(?:full|incremental|size)\t.*"
    r"|\d\d:\d\d:\d\d(?:\t|   ).*"
    r"|resume token contents:|nvlist version: \d+|\t\w+ = .*"
    # What `zfs receive -x` says of a volume where it is told to leave out what only filesystems have.
    r"|Warning: .* does not apply to datasets of this type"
    # What `zfs receive -o` says of each snapshot that did arrive, but without the property (zfs_receive_one()).
    r"|cannot receive \S+ property on .*|\d+ more propert(?:y|ies) could not be set"
    r")\n?",
    re.MULTILINE,
)
"""Lines that tell of no failure, and would hide the reason of one."""
_NOT_FOUND = re.compile(r"dataset does not exist|no such pool")


def classify(side: Side, stderr: str) -> Row | None:
    """The row for what `side` (source or target) said; None for a text that is not in the table."""
    stderr = _BESIDE_THE_POINT.sub("", stderr)
    return next((row for row in TABLE if row.side in (side, Side.EITHER) and row.text in stderr), None)


def says_missing(stderr: str) -> bool:
    """Whether a listing failed for the one reason that its dataset does not exist."""
    return _NOT_FOUND.search(stderr) is not None


def says_unknown_property(stderr: str, name: str) -> bool:
    """Whether a listing failed because zfs(8) there knows no property of that name (seen on 2.1.11)."""
    return f"invalid property '{name}'" in stderr


def says_destroyed(stderr: str) -> bool:
    """Whether a single snapshot could not be destroyed for the one reason that it is gone."""
    return any(text in stderr for text in ("could not find any snapshots to destroy", "does not exist"))


def stream_size_bytes(stderr: str) -> int | None:
    """The expected size that `zfs send -P` printed: the last line `size <tab> bytes`."""
    sizes = re.findall(r"^size\s+(\d{1,20})\s*$", stderr, re.MULTILINE)
    return int(sizes[-1]) if sizes else None


def without_stream_info(stderr: str) -> str:
    """What is left of a stderr without the lines that a sender prints of its stream, and warnings that don't matter."""
    return "\n".join(line for line in _BESIDE_THE_POINT.sub("", stderr).splitlines() if line.strip())
