"""What `zfspull retention` sees of real pools: rules, guards, and that a look changes nothing."""

from dataclasses import replace

from tests.contract.actions import Create, Hold, Snapshot, Write
from zfspull.cli.retention_look import look, look_at_moment
from zfspull.errors import TransientError


KEEP = {"keep": [{"snapshots": "^auto", "last": 1}, {"snapshots": "^manual", "all": True}]}


async def replica(world):
    """A replica with snapshots of two rule sets, and one of none."""
    names = ("auto1", "manual1", "auto2", "auto3", "other", "auto4")
    await world.on_source(Create(""), *(action for name in names for action in (Write(""), Snapshot("", name))))
    await world.run()
    await world.on_target(Hold("", "auto2"))


def fates(seen):
    (dataset,) = seen.shape()["datasets"]
    return {one["name"]: (one["fate"], one["reasons"], one["goes"]) for one in dataset["snapshots"]}


async def test_a_look_tells_rules_and_guards_and_changes_nothing(world):
    """Each snapshot of the target has its rules, its guards and its end, and is there afterwards."""
    await replica(world)
    before = await world.tree("target")

    seen = fates(await look(world.job(**KEEP), world.context()))

    assert seen["auto1"] == ("go", [], "now")
    assert seen["auto2"] == ("guarded", ["guard: held"], "held")
    assert seen["auto3"] == ("go", [], "now")
    assert seen["manual1"] == ("keep", ["all of ^manual"], "never")
    assert seen["other"] == ("keep", ["no rule set"], "never")
    assert seen["auto4"][:2] == ("keep", ["last 1/1 of ^auto", "guard: base", "guard: newest"])
    assert (await world.tree("target")).datasets[""].snapshots == before.datasets[""].snapshots


async def test_what_a_look_foretells_is_what_a_run_does(world):
    """What is shown to go is what the next run destroys, and no more."""
    await replica(world)
    job = {**KEEP, "max_destroy": "100%"}
    seen = fates(await look(world.job(**job), world.context()))

    await world.run(**job)

    assert await world.names() == [name for name in seen if seen[name][0] != "go"]


class Away:
    """A source that can't be reached."""

    async def list_tree(self, *args, **more):
        raise TransientError("no answer", hint="is it up?")


async def test_a_source_out_of_reach_is_told(world):
    """Without the source the rules are shown all the same, with the guard that holds everything until it answers."""
    await replica(world)

    seen = await look(world.job(**KEEP), replace(world.context(), source=Away()))

    assert seen.shape()["unreachable"]["message"] == "no answer"
    assert fates(seen)["auto1"][:2] == ("guarded", ["guard: base unknown"])


async def test_another_moment_is_judged_by_rules_alone_without_the_source(world):
    """As of another moment the target is listed, and the source is not asked."""
    await replica(world)
    newest = (await world.tree("target")).datasets[""].snapshots[-1].creation

    seen = await look_at_moment(world.job(**KEEP), replace(world.context(), source=Away()), newest + 1.0)
    before = await look_at_moment(world.job(**KEEP), replace(world.context(), source=Away()), 1_000_000_000.0)

    assert fates(seen)["auto2"] == ("go", [], "now")
    assert not seen.shape()["guards"]
    assert fates(before) == {}
