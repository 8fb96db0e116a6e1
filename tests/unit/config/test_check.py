"""Rules between jobs and hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.config.check import PlacedJob, Scene, check
from zfspull.config.document import Document
from zfspull.config.schema import Job


def placed(target, *, name="", recursive=False, exclude=(), unknown=()):
    """A job of the host gw."""
    job = Job(
        name=name or f"job{abs(hash((target, recursive, exclude)))}",
        source="gw:tank/x",
        target=target,
        recursive=recursive,
        exclude=exclude,
        schedule="manual",
    )
    return PlacedJob(Document(f"{job.name}.yaml"), job, frozenset(unknown))


def wrong(*jobs, jumps=None):
    """The keys and messages of what is wrong."""
    scene = Scene(Document("main.yaml"), {"gw": None} if jumps is None else jumps, jobs)
    return [f"{problem.key}: {problem.message}" for problem in check(scene)]


@pytest.mark.parametrize(
    ("first", "second", "fine"),
    [
        (placed("b/x"), placed("b/y"), True),
        (placed("b/x", recursive=True), placed("b/xy"), True),
        (placed("b/x"), placed("b/x/y"), True),
        (placed("b/x"), placed("b/x/y", recursive=True), True),
        (placed("b/x", name="a"), placed("b/x", name="b"), False),
        (placed("b/x", recursive=True), placed("b/x/y/z"), False),
        (placed("b/x", recursive=True, exclude=("y",)), placed("b/x/y/z"), True),
        (placed("b/x", recursive=True, exclude=("y/z",)), placed("b/x/y", recursive=True), False),
        (placed("b/x", recursive=True, exclude=("y/*",)), placed("b/x/y"), False),
    ],
)
def test_no_dataset_belongs_to_two_jobs(first, second, fine):
    """Targets overlap exactly if one job could write or prune a dataset of the other; the order does not matter."""
    assert fine == (not wrong(first, second))
    assert fine == (not wrong(second, first))


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: "/".join(["b", *parts]))
JOBS = st.builds(placed, PATHS, recursive=st.booleans())


@given(first=JOBS, second=JOBS)
def test_overlap_against_all_datasets(first, second):
    """Two jobs are refused exactly if among all datasets that could exist there is one that both work on."""
    parts = ["b", *"abc"]
    datasets = {"/".join(["b", *path]) for path in [(x,) for x in parts] + [(x, y) for x in parts for y in parts]}
    datasets |= {f"{dataset}/{last}" for dataset in datasets for last in parts}

    def worked_on(one):
        below = {name for name in datasets if name.startswith(one.job.target + "/")}
        return {one.job.target} | (below if one.job.recursive else set())

    refused = any(problem.startswith("target:") for problem in wrong(first, second))

    assert refused == bool(worked_on(first) & worked_on(second))


def test_names_differ_by_more_than_case():
    """Two jobs of one name are refused with both places, and so are names that people would mix up."""
    first, same, alike = (placed(f"b/{number}", name=name) for number, name in enumerate(["home", "home", "Home"]))

    assert wrong(first, same) == ["name: 'home' is also the name of the job in home.yaml:0"]
    assert "only in case different from 'home'" in wrong(first, alike)[0]


def test_hosts_that_are_not_there():
    """An unknown host is named with what may have been meant; without a main file nobody knows, and nothing is said."""
    assert "did you mean 'gw1'?" in wrong(placed("b/x"), jumps={"gw1": None})[0]
    assert check(Scene(Document("main.yaml"), None, [placed("b/x")])) == []


def test_jumps():
    """A jump host must exist, and the way must end."""
    jumps = {"gw": "a", "a": "b", "b": "c", "c": "a", "self": "self", "lost": "bb", "fine": "last", "last": None}
    found = wrong(jumps=jumps)

    assert sorted(found) == [
        "hosts.a.jump: goes in a circle: a -> b -> c -> a",
        "hosts.b.jump: goes in a circle: b -> c -> a -> b",
        "hosts.c.jump: goes in a circle: c -> a -> b -> c",
        "hosts.lost.jump: there is no host 'bb' in main.yaml; did you mean 'b'?",
        "hosts.self.jump: goes in a circle: self -> self",
    ]


def test_what_was_not_understood_is_not_judged():
    """A key with a mistake of its own takes part in no rule."""
    first, second = placed("b/x", name="a", unknown=["target"]), placed("b/x", name="b")

    assert wrong(first, second) == []
    assert wrong(placed("b/x", recursive=True, unknown=["exclude"]), placed("b/x/y")) == []


def test_exclude_needs_a_tree():
    """Excluding from a job that is not recursive is a misunderstanding."""
    assert wrong(placed("b/x", exclude=("a",))) == ["exclude: leaves out nothing without recursive: true"]


def pulling(name, source="gw:tank/x", **fields):
    """A job that pulls from a host."""
    job = Job.model_validate({"name": name, "source": source, "target": f"b/{name}", "schedule": "manual", **fields})
    return PlacedJob(Document(f"{name}.yaml"), job)


def test_lag_needs_keep_source():
    """What lifts a guard of `keep_source` means nothing without it."""
    keep = {"keep_source": {"last": 1}}

    assert wrong(pulling("a", max_lag_before_prune="1d")) == ["max_lag_before_prune: means nothing without keep_source"]
    assert wrong(pulling("a", max_lag_before_prune="1d", **keep)) == []


@pytest.mark.parametrize(
    ("other", "fine"),
    [
        (pulling("b"), False),
        (pulling("b", snapshots={"match": "^daily"}), True),
        (pulling("b", "nas:tank/x"), True),
        (pulling("b", "gw:tank/xy"), True),
        (pulling("b", "gw:tank/x/deep"), False),
        (pulling("b", "gw:tank/x/cache"), True),
        (pulling("b", "gw:tank", recursive=True), False),
        (pulling("b", "gw:tank", recursive=True, exclude=["x"]), True),
        (pulling("b", "gw:tank"), True),
    ],
)
def test_no_job_destroys_on_the_source_what_another_has_still_to_pull(other, fine):
    """A job with `keep_source` has its sources for itself, unless both choose snapshots by name."""
    match = {"snapshots": {"match": "^hourly"}} if other.job.snapshots.match else {}
    one = pulling("a", recursive=True, exclude=["cache"], keep_source={"last": 1}, **match)

    found = wrong(one, other, jumps={"gw": None, "nas": None})

    assert found == wrong(other, one, jumps={"gw": None, "nas": None})
    assert fine == (found == [])
    assert fine or found[0].startswith("keep_source: would destroy what job 'b' in b.yaml:0")
