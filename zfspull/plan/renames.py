"""Datasets that were renamed on the source: their replicas are found by guid where the old name was."""

from __future__ import annotations

from collections.abc import Mapping

from zfspull.plan.base import find_base
from zfspull.plan.steps import Reason, Refusal
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import join


def find_renames(included: Mapping[str, Dataset], source: Tree, target: Tree) -> dict[str, str]:
    """The path on the source of each dataset without a replica, with the path where its replica lies.

    A replica belongs to a source dataset if increments of that dataset can go on from it (the same kind, a base in
    common, be it a bookmark on the source), and if nothing on the source has the replica's own path any more. Of
    several such replicas the one that has got farthest is taken.
    """
    homeless = {
        point.guid: path
        for path, dataset in included.items()
        if path not in target.datasets
        for point in dataset.points
    }
    found: dict[str, tuple[int, str]] = {}
    for old_path, replica in target.datasets.items():
        path = next((homeless[one.guid] for one in reversed(replica.snapshots) if one.guid in homeless), None)
        if old_path in source.datasets or path is None or replica.kind != included[path].kind:
            continue
        base = find_base(included[path], replica).base
        if base is not None and (path not in found or found[path][0] < base.source.createtxg):
            found[path] = (base.source.createtxg, old_path)
    return {path: old_path for path, (_, old_path) in found.items()}


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
