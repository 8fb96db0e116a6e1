"""The names of the snapshots that a job takes on its source."""

from __future__ import annotations

from datetime import UTC, datetime

from zfspull.zfs.names import snapshot_name_error


def taken_name(prefix: str, now: float) -> str:
    """The name of a snapshot taken now, as in `zfspull_2026-11-21_10:30:05Z`.

    UTC, so that names sort by time and no hour comes twice. Whole seconds: a job that takes two within one second
    has the same name twice, which ZFS refuses.

    Args:
        prefix: what stands before the `_`: the job's tag.
        now: seconds since the epoch.

    Raises:
        ValueError: the prefix can be in no snapshot's name.
    """
    name = f"{prefix}_{moment(now)}"
    if error := snapshot_name_error(name):
        raise ValueError(error)
    return name


def moment(seconds: float) -> str:
    """A time as it stands in names, `2026-11-21_10:30:05Z`; `seconds` since the epoch."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d_%H:%M:%SZ}"
