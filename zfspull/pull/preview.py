"""What a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zfspull.config.schema import Job
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steps import Plan, Step
from zfspull.plan.tree import plan_tree
from zfspull.pull.context import Context
from zfspull.pull.prune import decide
from zfspull.pull.survey import survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would do.

    Attributes:
        plan: the steps and refusals.
        bytes: the expected size of each step's stream, None where ZFS can't say.
        prune: what retention would decide if it were asked now, before the steps.
    """

    plan: Plan
    bytes: Mapping[Step, int | None]
    prune: tuple[DatasetPrune, ...]


async def preview_job(job: Job, context: Context) -> Preview:
    """Look at both sides and plan; changes nothing. Sizes cost one command for each step.

    Raises:
        ZfspullError: if a side can't be listed.
    """
    seen = await survey(job, context)
    plan = plan_tree(seen.source, seen.target, job.policy)
    sizes = {step: await context.source.estimate(step) for step in plan.steps}
    return Preview(plan=plan, bytes=sizes, prune=decide(job, seen.source, seen.target, context.clock.now()))
