"""Retention before a pull, and not only after it, where the pool here is short of room."""

from __future__ import annotations

from zfspull.config.schema import Job
from zfspull.config.units import format_bytes
from zfspull.events import Noticed
from zfspull.plan.missing import Missing
from zfspull.plan.steps import Plan
from zfspull.pull.context import Context
from zfspull.pull.prune import PruneReport, decide, prune_tree
from zfspull.pull.survey import Survey
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Space
from zfspull.zfs.names import pool


async def make_room(job: Job, seen: Survey, plan: Plan, context: Context, tally: Tally) -> PruneReport | None:
    """Prune now if something is to be received, something may go, and there is little room.

    The same rules, guards and `max_destroy` hold as after a pull. Datasets that are gone on the source are left to the
    turn after it: only then is it known which datasets had trouble, and so are no evidence.

    Returns:
        What was done, None if there was no need or nothing to do: what it destroyed counts for the turn after the pull.
    """
    job = job.model_copy(update={"missing": Missing()})
    # A remedy moves datasets or rolls them back first; until then their base is not what it will be.
    if not any(plan.steps) or any(dataset.remedy for dataset in plan.datasets):
        return None
    if not any(prune.destroy for prune in decide(job, seen.source, seen.target, context.clock.now())):
        return None
    short = await _short(seen, context)
    if short is None:
        return None
    name = pool(job.target)
    message = (
        f"pool {name} is short of room: {format_bytes(short.available_bytes)} available, limits.low_space is "
        f"{format_bytes(context.low_space.floor_bytes(short))}; retention runs before the pull"
    )
    tally.emit(Noticed, reason="low_space", message=message, dataset=job.target)
    return await prune_tree(job, seen.source, context, tally)


async def _short(seen: Survey, context: Context) -> Space | None:
    """The room in the pool, or below the target's root if it has a quota, whichever is short; None if neither is."""
    root = seen.target.datasets.get("")
    spaces = [await context.target.space(pool(seen.target.root))]
    if root is not None and root.used_bytes is not None and root.available_bytes is not None:
        spaces.append(Space(root.used_bytes, root.available_bytes))
    return next((space for space in spaces if space is not None and context.low_space.is_short(space)), None)
