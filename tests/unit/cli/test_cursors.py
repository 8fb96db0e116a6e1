"""`zfspull cursors`: what it lists, what it takes away, and what it refuses to."""

import json
from datetime import UTC
from types import SimpleNamespace

import pytest

from tests.contract.actions import Create, DestroySnapshots, Snapshot
from tests.contract.memory_world import MemoryWorld
from zfspull.cli.commands import cursors
from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError
from zfspull.cli.options import Options
from zfspull.cli.render_cursors import cursors_shape, cursors_table
from zfspull.cli.terminal import as_text
from zfspull.errors import RefusalError, TransientError
from zfspull.plan.cursors import Owner, replica_tag
from zfspull.plan.leftovers import Use, Whose


class Ends:
    """Both ends of a world, as a configuration's."""

    def __init__(self, world):
        self.machine, self.target, self._world = "box", world.target, world
        self.low_space = world.low_space

    def source(self, host):
        if host != "memory":
            raise TransientError("out of reach", host=host)
        return self._world.source

    def slots(self, _host):
        return None

    def refused(self, _host):
        return set()

    def stall_timeout_seconds(self, _host):
        return 1.0


@pytest.fixture
async def world():
    """A source with a cursor of ours in use, a hold of another backup box, and a bookmark of nobody."""
    world = MemoryWorld()
    await world.on_source(Create(""), Snapshot("", "one"))
    world.machine = "box"
    await world.run()
    world.source_pools.hold("tank/data", "one", Owner("job", replica_tag("other box", "x")).hold)
    world.source_pools.bookmark("tank/data", "one", "weekly")
    return world


@pytest.fixture
def generation(world):
    """Two jobs that share the source, the second with a replica elsewhere, and one whose host is out of reach."""
    jobs = {
        "job": world.job(),
        "twin": world.job(name="twin", target="vault/twin"),
        "far": world.job(name="far", source="far:tank/data", target="vault/far"),
    }
    return SimpleNamespace(config=SimpleNamespace(jobs=jobs), ends=Ends(world))


def _jobs(generation):
    return list(generation.config.jobs.values())


async def test_each_cursor_is_listed_once_though_jobs_share_a_source(generation):
    """The job that knows what a cursor is good for tells it; a host out of reach spoils no other list."""
    found, errors = await cursors.find(_jobs(generation), generation)

    assert {(one.leftover.kind, one.leftover.whose, one.leftover.use) for one in found} == {
        ("bookmark", Whose.OURS, Use.IN_USE),
        ("hold", Whose.ANOTHER, Use.UNKNOWN),
    }
    assert len(found) == 2
    assert [error.host for error in errors] == ["far"]
    assert cursors.exit_code(errors, jobs=3) == ExitCode.FAILED


async def test_only_what_is_named_is_taken_away(generation, world):
    """A bookmark and a confirmed hold go, and the bookmark that is nobody's stays."""
    found, errors = await cursors.find(_jobs(generation)[:1], generation)
    names = [one.leftover.name for one in found]

    chosen = cursors.choose(found, names, [name for name in names if "=" in name])
    released = await cursors._release(chosen, generation.config.jobs, generation, errors)

    dataset = (await world.tree("source")).datasets[""]
    assert (len(released), errors) == (2, [])
    assert [bookmark.name for bookmark in dataset.bookmarks] == ["weekly"]
    assert dataset.snapshots[0].holds == 0


async def test_what_another_box_has_left_needs_to_be_confirmed(generation):
    """One name that is another's, unconfirmed, stops the whole command before anything is done."""
    found, _ = await cursors.find(_jobs(generation)[:1], generation)

    with pytest.raises(RefusalError, match="nothing was done"):
        cursors.choose(found, [one.leftover.name for one in found], [])


@pytest.mark.parametrize("happens", ["unplugged", "snapshot destroyed"])
async def test_p5_what_may_be_the_only_base_needs_to_be_confirmed(generation, world, happens):
    """While the pool is not imported, or when the snapshot is gone, a cursor of ours does not go by a slip of the hand."""
    if happens == "unplugged":
        await world.unplug_target()
    else:
        world.source_pools.release("tank/data", "one", Owner("job", replica_tag("other box", "x")).hold)
        await world.on_source(DestroySnapshots("", ("one",)))
    found, _ = await cursors.find(_jobs(generation)[:1], generation)
    (name,) = [one.leftover.name for one in found if one.leftover.kind == "bookmark"]

    with pytest.raises(RefusalError, match="nothing was done") as refused:
        cursors.choose(found, [name], [])

    assert refused.value.reason == "needed"
    assert [one.leftover.name for one in cursors.choose(found, [name], [name])] == [name]


async def test_a_name_that_is_not_listed_is_a_mistake(generation):
    """A bookmark that is no cursor can't be named."""
    found, _ = await cursors.find(_jobs(generation)[:1], generation)

    with pytest.raises(UsageError, match="no cursor"):
        cursors.choose(found, ["tank/data#weekly"], ["tank/data#weekly"])


def test_a_confirmation_must_repeat_a_name():
    """A --confirm of something else than --release names is a slip of the hand."""
    options = Options(job=None, release=["a"], confirm=["b"], json=False)

    with pytest.raises(UsageError, match="names nothing"):
        cursors.run(options)


async def test_a_refused_release_is_an_error_of_the_command(generation, world):
    """What the source does not permit is told, and the exit code says so."""
    found, errors = await cursors.find(_jobs(generation)[:1], generation)
    world.source.denied = {"destroy"}
    chosen = [one for one in found if one.leftover.kind == "bookmark"]

    released = await cursors._release(chosen, generation.config.jobs, generation, errors)

    assert released == []
    assert cursors.exit_code(errors, jobs=1) == ExitCode.PERMISSION


async def test_the_table_and_the_json_say_the_same(generation):
    """Name, kind, whose and state of each, for people and for programs."""
    found, errors = await cursors.find(_jobs(generation), generation)

    shown = as_text(cursors_table(found, UTC), 300).splitlines()
    shape = json.loads(json.dumps(cursors_shape(found, found[:1], errors)))

    assert shown[0].split() == ["CURSOR", "HOST", "KIND", "JOB", "WHOSE", "CREATED", "STATE"]
    for line, one in zip(shown[1:], shape["cursors"], strict=True):
        assert line.startswith(one["name"])
        assert one["kind"] in line
        assert ("in use" in line) is (one["state"] == "in_use")
        assert ("another replica's" in line) is (one["whose"] == "another_replica")
    assert shape["released"] == [found[0].leftover.name]
    assert shape["errors"][0]["kind"] == "transient"
