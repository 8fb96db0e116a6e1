"""Rules that no value shows by itself: what keys, jobs and hosts mean to each other.

Each rule is a function from the whole scene to problems; `RULES` lists them. They also look at jobs that have mistakes
of their own, as far as these can be understood, so that a person sees everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, permutations

from zfspull.config.document import Document
from zfspull.config.explain import did_you_mean
from zfspull.config.schema import Job
from zfspull.errors import Problem
from zfspull.plan.exclude import excluded
from zfspull.zfs.names import ancestors, relative


@dataclass(frozen=True, slots=True)
class PlacedJob:
    """A job and the file it is from; what stands in `unknown` (keys) was not understood and means nothing here."""

    document: Document
    job: Job
    unknown: frozenset[str] = frozenset()

    def knows(self, *keys: str) -> bool:
        """Whether these keys mean something."""
        return self.unknown.isdisjoint(keys)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the rules look at.

    Attributes:
        main: the main file.
        jumps: by name of host, the name of its jump host or None; all is None if the main file can't be read.
        jobs: in the order of their files.
    """

    main: Document
    jumps: Mapping[str, str | None] | None
    jobs: Sequence[PlacedJob] = field(default=())


Rule = Callable[[Scene], Iterator[Problem]]


def check(scene: Scene) -> list[Problem]:
    """All that is wrong between jobs and hosts."""
    return [problem for rule in RULES for problem in rule(scene)]


def _unknown_hosts(scene: Scene) -> Iterator[Problem]:
    for placed in scene.jobs:
        if scene.jumps is not None and placed.knows("source") and placed.job.host not in scene.jumps:
            yield placed.document.problem(("source",), _no_host(placed.job.host, scene.jumps, scene.main.file))


def _unknown_jumps(scene: Scene) -> Iterator[Problem]:
    for name, jump in (scene.jumps or {}).items():
        if scene.jumps is not None and jump is not None and jump not in scene.jumps:
            yield scene.main.problem(("hosts", name, "jump"), _no_host(jump, scene.jumps, scene.main.file))


def _jumps_in_circles(scene: Scene) -> Iterator[Problem]:
    jumps = scene.jumps or {}
    for name in jumps:
        way, here = [name], jumps[name]
        while here is not None and here not in way:
            way.append(here)
            here = jumps.get(here)
        # Reported for the members of the circle, not for those whose way only leads into it.
        if here == name:
            circle = " -> ".join([*way, name])
            yield scene.main.problem(("hosts", name, "jump"), f"goes in a circle: {circle}")


def _idle_excludes(scene: Scene) -> Iterator[Problem]:
    for placed in scene.jobs:
        if placed.knows("exclude", "recursive") and placed.job.exclude and not placed.job.recursive:
            yield placed.document.problem(("exclude",), "leaves out nothing without recursive: true")


def _idle_lags(scene: Scene) -> Iterator[Problem]:
    for placed in scene.jobs:
        idle = placed.job.max_lag_before_prune_seconds is not None and placed.job.keep_source is None
        if idle and placed.knows("max_lag_before_prune", "keep_source"):
            yield placed.document.problem(("max_lag_before_prune",), "means nothing without keep_source")


def _shared_sources(scene: Scene) -> Iterator[Problem]:
    """What one job destroys on the source must not be what another one has still to pull.

    Where both choose by name they may have chosen well; who chooses nothing pulls everything.
    """
    known = [placed for placed in scene.jobs if placed.knows("source", "keep_source")]
    for one, other in chain.from_iterable(map(permutations, _nested(known, lambda job: f"{job.host}:{job.source}"))):
        if one.job.keep_source is None or not one.knows("snapshots"):
            continue
        chosen = one.job.snapshots.match is not None and other.job.snapshots.match is not None
        if not chosen and (_pulls(one, other.job.source) or _pulls(other, one.job.source)):
            yield one.document.problem(
                ("keep_source",),
                f"would destroy what job {other.job.name!r} in {other.document.place(('source',))} may have still to "
                "pull, for their sources overlap; let both choose their own snapshots by `match`",
            )


def _pulls(placed: PlacedJob, dataset: str) -> bool:
    path = relative(placed.job.source, dataset)
    return path == "" or (path is not None and placed.job.recursive and not excluded(path, placed.job.exclude))


def _same_names(scene: Scene) -> Iterator[Problem]:
    known = [placed for placed in scene.jobs if placed.knows("name")]
    for first, second in _nested(known, lambda job: job.name.lower()):  # no name has a slash: it is nested in its own
        one, other = first.job.name, second.job.name
        how = "also the name of" if one == other else f"only in case different from {one!r}, the name of"
        message = f"{other!r} is {how} the job in {first.document.place(('name',))}"
        yield second.document.problem(("name",), message)


def _overlapping_targets(scene: Scene) -> Iterator[Problem]:
    """No dataset may be written or pruned by two jobs.

    A job works on its target and, if recursive, on all below it that it does not exclude: another job's target may lie
    there only under an excluded path.
    """
    known = [placed for placed in scene.jobs if placed.knows("target")]
    for first, second in _nested(known, lambda job: job.target):
        one, other = first.job.target, second.job.target
        there = first.document.place(("target",))
        if one == other:
            message = f"{other} is also the target of job {first.job.name!r} in {there}; give each its own"
        elif _works_on(first, other):
            message = (
                f"{other} lies in the tree of the recursive job {first.job.name!r} ({one}) in {there}; "
                "move it elsewhere or let that job exclude it"
            )
        elif _works_on(second, one):
            message = (
                f"the tree of this recursive job holds {one}, the target of job {first.job.name!r} in {there}; "
                "move one of them elsewhere or exclude it here"
            )
        else:
            continue
        yield second.document.problem(("target",), message)


def _works_on(placed: PlacedJob, dataset: str) -> bool:
    if not placed.knows("recursive", "exclude"):
        return False
    path = relative(placed.job.target, dataset)
    return placed.job.recursive and path is not None and not excluded(path, placed.job.exclude)


def _nested(jobs: Sequence[PlacedJob], name_of: Callable[[Job], str]) -> Iterator[tuple[PlacedJob, PlacedJob]]:
    """The pairs of jobs of which one's dataset is the other's or lies below it, in the order of `jobs`.

    Found by looking up what lies above each: to try all pairs of a thousand jobs would take longer than all the rest.
    """
    places: dict[str, list[int]] = {}
    for place, placed in enumerate(jobs):
        places.setdefault(name_of(placed.job), []).append(place)
    pairs = {
        (min(place, other), max(place, other))
        for place, placed in enumerate(jobs)
        for name in (name_of(placed.job), *ancestors(name_of(placed.job)))
        for other in places.get(name, ())
        if other != place
    }
    return ((jobs[one], jobs[other]) for one, other in sorted(pairs))


def _no_host(name: str, known: Mapping[str, object], file: str) -> str:
    there = f"; there are {', '.join(known)}" if known else ""
    return f"there is no host {name!r} in {file}{did_you_mean(name, known) or there}"


RULES: tuple[Rule, ...] = (
    _unknown_hosts,
    _unknown_jumps,
    _jumps_in_circles,
    _idle_excludes,
    _idle_lags,
    _shared_sources,
    _same_names,
    _overlapping_targets,
)
"""All rules; the order does not matter, for problems are sorted by place."""
