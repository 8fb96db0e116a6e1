"""Snapshots of the target destroyed, counted and told of."""

from __future__ import annotations

from collections.abc import Sequence

from zfspull.events import PruneSkipped, SnapshotsDestroyed
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally


async def destroy_snapshots(
    dataset: str, names: Sequence[str], kept: int, context: Context, tally: Tally
) -> list[tuple[str, str, str]]:
    """Destroy snapshots of one target dataset.

    Args:
        dataset: its full name.
        names: of the snapshots, without the dataset.
        kept: how many others it has.
        context: the surroundings.
        tally: the run's books.

    Returns:
        Dataset, snapshot and reason of each that could not be destroyed.

    Raises:
        ZfspullError: something else than a single snapshot stands in the way.
    """
    destroyed = await context.target.destroy_snapshots(dataset, names, dry_run=False)
    if destroyed.gone:
        tally.destroyed += len(destroyed.gone)
        tally.changed = True
        tally.emit(SnapshotsDestroyed, dataset=dataset, names=tuple(destroyed.gone), kept=kept + len(destroyed.skipped))
    for name, reason in destroyed.skipped:
        tally.emit(PruneSkipped, dataset=dataset, name=name, reason=reason)
    return [(dataset, name, reason) for name, reason in destroyed.skipped]
