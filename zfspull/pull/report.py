"""The end of a run: how each dataset of the target really stands."""

from __future__ import annotations

from zfspull.config.schema import Job
from zfspull.events import DatasetObserved
from zfspull.plan.absence import Losses
from zfspull.plan.steps import DatasetPlan, Plan
from zfspull.plan.tree import plan_tree
from zfspull.pull.survey import Survey
from zfspull.pull.tally import Tally
from zfspull.zfs.names import join


def report_datasets(job: Job, seen: Survey, losses: Losses, tally: Tally, *, plan: Plan | None = None) -> None:
    """Tell for each dataset what the newest snapshot really on the target is: the true recovery point.

    Whether a dataset is up to date is found by planning once more: it is if there would be nothing to do. What the
    source no longer has is told of too: it is kept, and never up to date.

    Args:
        job: the job.
        seen: both sides, as they are now.
        losses: what the source lost.
        tally: the run's books.
        plan: what is to be done about `seen`, if that was found out already.
    """
    whole = plan or plan_tree(seen.source, seen.target, job.policy)
    gone = (
        DatasetPlan(path=path, source=join(whole.source_root, path), target=whole.target_name(path))
        for path in whole.missing
    )
    for one in (*whole.datasets, *gone):
        dataset = seen.target.datasets.get(one.path)
        newest = dataset.newest if dataset else None
        tally.emit(
            DatasetObserved,
            dataset=one.target,
            source=one.source,
            newest_at=newest.creation if newest else None,
            source_newest_at=one.wanted.creation if one.wanted else None,
            snapshots=len(dataset.snapshots) if dataset else 0,
            up_to_date=one.up_to_date,
            used_bytes=dataset.used_bytes if dataset else None,
            snapshots_bytes=dataset.snapshots_bytes if dataset else None,
            missing_seconds=losses.dataset_seconds(dataset.guid) if dataset else None,
        )
