"""What pruning would free, asked of ZFS itself: only the pool knows which blocks no other snapshot refers to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from zfspull.errors import ZfspullError
from zfspull.hosts.ports import Target
from zfspull.plan.prune import DatasetPrune


AT_ONCE = 4
"""How many datasets are asked for at the same time; each is one command."""


async def freed_by(prunes: Sequence[DatasetPrune], target: Target) -> Mapping[str, int | None]:
    """By full name of each dataset that would lose snapshots, the bytes that would be free then; changes nothing.

    None stands for a dataset of which ZFS could not say it, for example because a snapshot turned out to be held.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(prune: DatasetPrune) -> tuple[str, int | None]:
        names = [snapshot.name for snapshot in prune.destroy]
        async with places:
            try:
                return prune.dataset, (await target.destroy_snapshots(prune.dataset, names, dry_run=True)).freed_bytes
            except ZfspullError:
                return prune.dataset, None

    return dict(await asyncio.gather(*(ask(prune) for prune in prunes if prune.destroy)))
