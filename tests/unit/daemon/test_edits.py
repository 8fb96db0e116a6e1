"""Edits that would destroy too much: which jobs are judged, and what refuses a reload."""

import asyncio

import pytest

from zfspull.config.schema import Config, Job
from zfspull.daemon.edits import HARMLESS, affected, judge
from zfspull.errors import ConfigError, LocalResourceError, Problem
from zfspull.plan.prune import LimitExceeded


def job(name="home", **fields):
    return Job.model_validate(
        {
            "name": name,
            "source": f"gw:tank/{name}",
            "target": f"backup/{name}",
            "schedule": "manual",
            "keep": {"last": 3},
        }
        | fields
    )


def config(*jobs):
    return Config(jobs={one.name: one for one in jobs})


def beyond(count=5, limit=2, total=7):
    return LimitExceeded(count, limit, total, "", "")


PLACES = {"home": Problem("jobs.d/home.yaml", 4, 7, "keep", "")}


@pytest.mark.parametrize(
    "fields",
    [
        {"keep": {"last": 2}},
        {"keep": {"last": 3, "daily": 1}},
        {"max_destroy": 4},
        {"timezone": "Europe/Berlin"},
        {"exclude": ["a"], "recursive": True},
        {"recursive": True},
        {"target": "backup/other"},
    ],
)
def test_jobs_whose_rules_changed_are_judged(fields):
    """Whatever has a say in what may go from the target."""
    edited = job(**fields)

    assert affected(config(job(), job("mail")), config(edited, job("mail"))) == [edited]


def test_new_jobs_are_judged():
    """A job under a new name may have an old target."""
    assert affected(config(), config(job())) == [job()]


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "@hourly"}, {"jitter": "5m"}, {"retry": {"attempts": 2}}, {"cursor": "none"}, {"initial": "newest"},
        {"source": "gw:tank/other"}, {"snapshots": {"take": True}}, {"resolve": {"target_modified": "rollback"}},
    ],
)  # fmt: skip
def test_other_edits_need_no_look(fields):
    """A target is not listed because of a new schedule."""
    assert affected(config(job()), config(job(**fields))) == []


def test_what_is_harmless_exists():
    """A renamed attribute of a job must not stay on the list under its old name."""
    assert Job.model_fields.keys() >= HARMLESS


async def test_too_much_is_a_mistake_with_its_place_and_count():
    """The error names file, line, job, count and limit; its hint the ways out."""

    async def foresee(_):
        return beyond()

    with pytest.raises(ConfigError) as caught:
        await judge([job()], PLACES, foresee)

    assert str(caught.value) == (
        "jobs.d/home.yaml:4:7: keep: the next prune of job home would destroy 5 of 7 snapshots of backup/home, "
        "and max_destroy allows 2 in one run"
    )
    for word in ("max_destroy", "zfspull prune home --here --confirm=home", "--dry-run", "nothing was changed"):
        assert word in caught.value.hint


async def test_all_that_are_too_much_are_told():
    """Every mistake at once, as everywhere."""

    async def foresee(one):
        return None if one.name == "fine" else beyond()

    with pytest.raises(ConfigError) as caught:
        await judge([job("b"), job("fine"), job("a")], {}, foresee)

    assert len(caught.value.problems) == 2


async def test_what_can_not_be_listed_refuses_nothing():
    """A pool that is away, or a listing that hangs, is told and stops no reload, within the time that all share."""

    async def foresee(one):
        if one.name == "away":
            raise LocalResourceError("the pool is suspended")
        if one.name.startswith("slow"):
            await asyncio.sleep(3600)

    jobs = [job("away"), *(job(f"slow{number}") for number in range(9)), job("fine")]
    began = asyncio.get_running_loop().time()

    unknown = await judge(jobs, {}, foresee, seconds=0.1)

    assert asyncio.get_running_loop().time() - began < 5
    assert unknown.keys() >= {"away", *(f"slow{number}" for number in range(9))}
    assert unknown["away"] == "the pool is suspended"
    assert "could not be listed within" in unknown["slow0"]


async def test_a_job_that_keeps_everything_is_not_looked_at():
    """Where no rule gives anything up, nothing is listed."""

    async def foresee(_):
        raise AssertionError

    assert await judge([job(keep=None)], {}, foresee) == {}
