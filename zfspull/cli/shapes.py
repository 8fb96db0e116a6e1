"""Plans as JSON: the documented shape (docs/reference/cli.md), which the tables are drawn from too.

Pure. Nothing is made safe for terminals here: JSON escapes by itself, tables do it when they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zfspull.daemon.prune_reply import dataset_reply, fate_reply
from zfspull.errors import ZfspullError
from zfspull.plan.missing import Fate
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steps import DatasetPlan, Plan, Remedy, Step


Shape = dict[str, Any]


def plan_shape(
    job: str,
    host: str,
    plan: Plan,
    sizes: Mapping[Step, int | None],
    prunes: Iterable[DatasetPrune],
    *,
    source_prunes: Iterable[DatasetPrune] = (),
    missing: Iterable[Fate] = (),
) -> Shape:
    """What the next run of a job would do."""
    datasets = [_dataset_shape(dataset, sizes) for dataset in plan.datasets]
    pruned = [dataset_reply(prune) for prune in prunes]
    pruned_there = [dataset_reply(prune) for prune in source_prunes]
    return {
        "job": job,
        "host": host,
        "source": plan.source_root,
        "target": plan.target_root,
        "datasets": datasets,
        "placeholders": list(plan.placeholders),
        "missing": list(plan.missing),
        "missing_datasets": [fate_reply(fate) for fate in missing],
        "prune": pruned,
        "source_prune": pruned_there,
        "totals": _totals(datasets, pruned, pruned_there),
        "error": None,
    }


def failed_plan_shape(job: str, host: str, error: ZfspullError) -> Shape:
    """A job whose plan could not be made; the same keys."""
    shape = plan_shape(job, host, Plan(source_root="", target_root=""), {}, ())
    return {**shape, "error": {"kind": error.kind, "message": error.message, "hint": error.hint}}


def _dataset_shape(dataset: DatasetPlan, sizes: Mapping[Step, int | None]) -> Shape:
    return {
        "source": dataset.source,
        "target": dataset.target,
        "state": _state(dataset),
        "base": dataset.base.name if dataset.base else None,
        "wanted": dataset.wanted.name if dataset.wanted else None,
        "steps": [_step_shape(step, sizes.get(step)) for step in dataset.steps],
        "refusal": {
            "reason": str(dataset.refusal.reason),
            "evidence": dataset.refusal.evidence,
            "hint": dataset.refusal.hint,
        }
        if dataset.refusal
        else None,
        "discard": dataset.discard,
        "remedy": _remedy_shape(dataset.remedy) if dataset.remedy else None,
    }


def _remedy_shape(remedy: Remedy) -> Shape:
    return {
        "kind": str(remedy.kind),
        "reason": str(remedy.reason),
        "dataset": remedy.dataset,
        "to": remedy.to,
        "destroys": [snapshot.name for snapshot in remedy.destroys],
    }


def _state(dataset: DatasetPlan) -> str:
    if dataset.refusal:
        return "refused"
    if dataset.has_work:
        return "to_do"
    return "up_to_date" if dataset.up_to_date else "nothing_wanted"


def _step_shape(step: Step, count_bytes: int | None) -> Shape:
    return {
        "kind": str(step.kind),
        "from": step.base.mark if step.base else None,
        "to": step.to.mark,
        "bytes": count_bytes,
        "raw": step.raw,
        "creates": step.creates,
    }


def _totals(datasets: list[Shape], pruned: list[Shape], pruned_there: list[Shape]) -> Shape:
    steps = [step for dataset in datasets for step in dataset["steps"]]
    return {
        "datasets": len(datasets),
        "steps": len(steps),
        "up_to_date": sum(dataset["state"] == "up_to_date" for dataset in datasets),
        "refused": sum(dataset["state"] == "refused" for dataset in datasets),
        "bytes": sum(step["bytes"] or 0 for step in steps),
        "unknown_sizes": sum(step["bytes"] is None for step in steps),
        "destroy": sum(len(prune["destroy"]) for prune in pruned),
        "source_destroy": sum(len(prune["destroy"]) for prune in pruned_there),
    }
