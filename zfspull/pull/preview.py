"""What a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zfspull.config.schema import Job
from zfspull.plan.missing import Fate
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steps import Plan, Step
from zfspull.plan.tree import plan_tree
from zfspull.pull.brake import braked
from zfspull.pull.context import Context
from zfspull.pull.missing import note_losses
from zfspull.pull.prune import decide, judge
from zfspull.pull.source_prune import decide_source
from zfspull.pull.survey import survey
from zfspull.pull.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would do.

    Attributes:
        plan: the steps and refusals.
        bytes: the expected size of each step's stream, None where ZFS can't say.
        prune: what retention would decide if it were asked now, before the steps.
        source_prune: the same on the source; empty if the job grants nothing there.
        missing: the target datasets that are gone on the source, and what would become of each.
    """

    plan: Plan
    bytes: Mapping[Step, int | None]
    prune: tuple[DatasetPrune, ...]
    source_prune: tuple[DatasetPrune, ...] = ()
    missing: tuple[Fate, ...] = ()


async def preview_job(job: Job, context: Context) -> Preview:
    """Look at both sides and plan; changes nothing. Sizes cost one command for each step.

    Raises:
        ZfspullError: if a side can't be listed.
    """
    seen = await survey(job, context)
    plan = braked(plan_tree(seen.source, seen.target, job.policy), job, seen.target)
    sizes = {step: await context.source.estimate(step) for step in plan.steps}
    now = context.clock.now()
    tally = Tally(job=job.name, run_id="", clock=context.clock, events=context.events, started_at=now)
    losses = await note_losses(job, seen.source, seen.target, context, tally, dry_run=True)
    return Preview(
        plan=plan,
        bytes=sizes,
        prune=decide(job, seen.source, seen.target, now, losses),
        source_prune=decide_source(job, seen, now),
        missing=judge(job, seen.target, losses),
    )
