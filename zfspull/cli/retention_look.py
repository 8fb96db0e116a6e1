"""Looks at a job's retention: at the target as it is, as it would be at another moment, or at a made-up listing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from zfspull.cli.failure import UsageError
from zfspull.cli.retention_shape import Judged, Shape, judged_shape
from zfspull.clock import Clock
from zfspull.config.schema import Job
from zfspull.errors import ZfspullError
from zfspull.plan.exclude import excluded
from zfspull.plan.expectation import Expected, Ground, Taking, expect, grow
from zfspull.plan.keep import Retention, RuleSet, as_retention
from zfspull.plan.prune import DatasetPrune, LimitExceeded
from zfspull.plan.retention import decide
from zfspull.plan.rhythm import Scheduled
from zfspull.plan.simulation import MOST_SNAPSHOTS, Simulation
from zfspull.plan.snapshot_names import taken_name
from zfspull.pull.context import Context
from zfspull.pull.prune import prune_job
from zfspull.zfs.model import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        job: whose rules were asked.
        at: the moment at which they judged, in seconds since the epoch.
        judged: their word, for each dataset or each simulated rule set.
        guards: whether guards had their say.
        simulated: what was made up, None if the target was listed.
        unreachable: why the source could not be asked for the base.
        exceeded: set if the next prune would be refused.
    """

    job: Job
    at: float
    judged: tuple[Judged, ...]
    guards: bool = False
    simulated: str | None = None
    unreachable: ZfspullError | None = None
    exceeded: LimitExceeded | None = None

    def shape(self) -> Shape:
        """As JSON has it (docs/reference/cli.md)."""
        error, exceeded = self.unreachable, self.exceeded
        return {
            "job": self.job.name,
            "at": self.at,
            "zone": self.job.timezone,
            "simulated": self.simulated,
            "guards": self.guards,
            "unreachable": error and {"kind": error.kind, "message": error.message, "hint": error.hint},
            "exceeded": exceeded
            and {"message": exceeded.message, "hint": exceeded.hint, "count": exceeded.count, "limit": exceeded.limit},
            "datasets": [judged_shape(one, zone=self.job.zone, at=self.at) for one in self.judged],
        }


async def look(job: Job, context: Context) -> Look:
    """At the target as it is, rules and guards; the source is asked for the base if it can be reached.

    Raises:
        ZfspullError: the target can't be listed.
    """
    report = await prune_job(job, context, run_id="", dry_run=True)
    at = context.clock.now()
    passing = frozenset({"guard: base unknown"} if report.unreachable else ())
    judged = tuple(_with_guards(prune, job, passing, at) for prune in report.datasets)
    return Look(job=job, at=at, judged=judged, guards=True, unreachable=report.unreachable, exceeded=report.exceeded)


def _with_guards(prune: DatasetPrune, job: Job, passing: frozenset[str], at: float) -> Judged:
    if job.keep is None and job.mirror_grace_seconds is not None:
        return Judged(prune=prune, rules={}, retention=None, expected=(), passing=passing)
    snapshots, retention = (*prune.stay, *prune.destroy), as_retention(job.keep)
    rules = decide(snapshots, retention, zone=job.zone, now=at).reasons
    expected = expect(snapshots, retention, taking=_taking(job, at), now=at)
    return Judged(prune=prune, rules=rules, retention=retention, expected=expected, passing=passing)


async def look_at_moment(job: Job, context: Context, at: float) -> Look:
    """At the target as of another moment, rules only: without what came later, with what may arrive until then.

    Raises:
        ZfspullError: the target can't be listed.
        UsageError: so much would arrive until then that it can't be shown.
    """
    target = await context.target.list_tree(job.target, recursive=job.recursive)
    now, retention = context.clock.now(), as_retention(job.keep)
    judged = []
    for path, dataset in target.datasets.items():
        if excluded(path, job.exclude):
            continue
        expected = expect(dataset.snapshots, retention, taking=_taking(job, now), now=now)
        try:
            grown = grow(dataset.snapshots, expected, now=now, until=at, most=MOST_SNAPSHOTS)
        except ValueError as error:
            raise UsageError(f"--at: {error}", hint="give a moment that is not so far ahead") from error
        # What is dated ahead of this machine's clock is there all the same.
        there = [snapshot for snapshot in grown if snapshot.creation <= at or at >= now]
        judged.append(_by_rules(dataset.name, there, (retention, expected), job, at))
    return Look(job=job, at=at, judged=tuple(judged))


def simulated(job: Job, simulation: Simulation, at: float | None, clock: Clock) -> Look:
    """At a made-up listing whose newest snapshot was taken at `at` (None for now); of several sets at each alone.

    Raises:
        UsageError: calendars don't reach back so far.
    """
    moment = clock.now() if at is None else at
    try:
        snapshots = simulation.snapshots(moment, prefix=job.snapshots.prefix)
    except ValueError as error:
        raise UsageError(f"--simulate: {error}", hint="give a shorter one") from error
    judged = tuple(_simulated_sets(job, simulation, snapshots, moment))
    return Look(job=job, at=moment, judged=judged, simulated=simulation.text)


def _simulated_sets(job: Job, simulation: Simulation, snapshots: Sequence[Snapshot], at: float) -> Iterator[Judged]:
    rhythm, newest = simulation.rhythm(at), snapshots[-1]
    for one in as_retention(job.keep).sets:
        # As if all names were such that the set judges them.
        alone = RuleSet(one.keep)
        expected = Expected(rules=alone, rhythm=rhythm, ground=Ground.SIMULATION, name=newest.name, like=newest)
        by_rules = _by_rules(job.target, snapshots, (Retention((alone,)), (expected,)), job, at)
        yield replace(by_rules, pattern=one.snapshots)


def _by_rules(
    name: str, snapshots: Sequence[Snapshot], asked: tuple[Retention, tuple[Expected, ...]], job: Job, at: float
) -> Judged:
    retention, expected = asked
    decision = decide(snapshots, retention, zone=job.zone, now=at)
    stay = tuple(snapshot for snapshot in snapshots if snapshot.guid in decision.reasons)
    prune = DatasetPrune(name, decision.given_up, decision.reasons, stay)
    return Judged(prune=prune, rules=decision.reasons, retention=retention, expected=expected)


def _taking(job: Job, now: float) -> Taking | None:
    # A job that leaves out what was not written has no even rhythm.
    if not job.snapshots.take or job.snapshots.skip_if_unwritten or job.schedule is None:
        return None
    return Taking(rhythm=Scheduled(job.schedule, job.zone), name=taken_name(job.snapshots.prefix, now))
