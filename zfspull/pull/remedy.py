"""A remedy carried out: what a job has done on the target about a refusal, before the first step."""

from __future__ import annotations

from zfspull.errors import TransientError
from zfspull.events import Resolved
from zfspull.plan.steps import Remedy, RemedyKind
from zfspull.pull.brake import Brake
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally


async def carry_out(remedy: Remedy, brake: Brake, context: Context, tally: Tally) -> None:
    """Do what the job says about a refusal.

    Raises:
        RefusalError: a rollback would destroy more than the job allows in one run.
        TransientError: the target is not any more what the rollback was decided upon.
        ZfspullError: if it can't be done.
    """
    if remedy.kind is RemedyKind.ROLLBACK:
        brake.check(remedy)
        await _check_unchanged(remedy, context)
        await context.target.rollback(remedy.dataset, remedy.to)
    else:
        await context.target.rename(remedy.dataset, remedy.to)
    tally.changed = True
    tally.destroyed += len(remedy.destroys)
    brake.done(remedy)
    tally.emit(
        Resolved,
        dataset=remedy.dataset,
        reason=remedy.reason.value,
        remedy=remedy.kind.value,
        to=remedy.to,
        destroyed=len(remedy.destroys),
    )


async def _check_unchanged(remedy: Remedy, context: Context) -> None:
    """See that a rollback destroys now what was decided, and nothing that came or was held since."""
    tree = await context.target.list_tree(remedy.dataset, recursive=False)
    snapshots = tree.datasets[""].snapshots if tree.exists else ()
    base = next((snapshot for snapshot in snapshots if snapshot.name == remedy.to), None)
    going = [snapshot for snapshot in snapshots if base is not None and snapshot.createtxg > base.createtxg]
    expected = [snapshot.guid for snapshot in remedy.destroys]
    kept = any(snapshot.holds or snapshot.clones for snapshot in going)
    if base is None or kept or [snapshot.guid for snapshot in going] != expected:
        raise TransientError(
            f"its snapshots after @{remedy.to} have changed since it was decided to roll it back",
            hint="the next attempt lists both sides and decides anew",
            dataset=remedy.dataset,
            reason="target_changed",
        )
