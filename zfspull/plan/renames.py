"""Datasets that were renamed on the source: their replicas are found by guid where the old name was."""

from __future__ import annotations

from collections.abc import Mapping

from zfspull.plan.steps import Reason, Refusal
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import join


def find_renames(included: Mapping[str, Dataset], source: Tree, target: Tree) -> dict[str, str]:
    """The path on the source of each dataset without a replica, with the path where its replica lies.

    A replica belongs to a source dataset if its newest snapshot is one of that dataset's, and if nothing on the
    source has the replica's own path any more.
    """
    homeless = {
        snapshot.guid: path
        for path, dataset in included.items()
        if path not in target.datasets
        for snapshot in dataset.snapshots
    }
    found: dict[str, str] = {}
    for old_path, replica in target.datasets.items():
        newest = replica.newest
        if old_path in source.datasets or newest is None or newest.guid not in homeless:
            continue
        found.setdefault(homeless[newest.guid], old_path)
    return found


def moves_along(path: str, renames: Mapping[str, str]) -> bool:
    """Whether the replica of `path` gets to its place by the rename of its parent."""
    above, _, name = path.rpartition("/")
    return above in renames and renames.get(path) == join(renames[above], name)


def refuse_renamed(source: str, old: str, new: str) -> Refusal:
    """The refusal of a dataset whose replica lies under its old name.

    Args:
        source: full name on the host.
        old: full name of the replica as it is.
        new: full name that it should have.
    """
    return Refusal(
        reason=Reason.RENAMED,
        evidence=f"source {source} has no replica {new}, but {old}, which the source does not have, has its snapshots",
        hint=f"it was renamed on the source; rename the replica too (zfs rename {old} {new}), or pull it anew after "
        "renaming the old one out of the job's tree",
    )
