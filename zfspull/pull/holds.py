"""What this replica holds on its source, found out in one command where anything is held at all."""

from __future__ import annotations

from collections.abc import Iterable

from zfspull.errors import ZfspullError
from zfspull.plan.cursors import Owner, owner_of_hold
from zfspull.plan.leftovers import held
from zfspull.pull.context import Context
from zfspull.zfs.model import Dataset, Hold


Held = dict[str, tuple[Hold, ...]]


async def our_holds(datasets: Iterable[Dataset], owner: Owner, context: Context) -> Held:
    """The holds for this replica, whatever the job was called by then, by full name of the dataset.

    Where they can't be listed each snapshot that is held may be held by us: to release what is not is no error.

    Args:
        datasets: of the source, as listed.
        owner: whose holds.
        context: the surroundings.
    """
    snapshots = held(datasets)
    if not snapshots:
        return {}
    try:
        holds = await context.source.list_holds(snapshots)
    except ZfspullError:
        holds = tuple(Hold(snapshot, owner.hold) for snapshot in snapshots)
    found: Held = {}
    for hold in holds:
        holder = owner_of_hold(hold.tag)
        if holder is not None and holder.tag == owner.tag:
            dataset = hold.snapshot.partition("@")[0]
            found[dataset] = (*found.get(dataset, ()), hold)
    return found
