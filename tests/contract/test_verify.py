"""P4 and P6: the source stays as it is, and success is what was seen on the target, not what was hoped."""

from dataclasses import replace

from tests.contract.actions import Create, Snapshot, Write
from zfspull.events import DatasetObserved, Outcome
from zfspull.hosts.ports import Ended


async def test_p4_a_pull_without_grants_leaves_the_source_alone(world):
    """P4: a full pull and an increment, pruning included, leave the source's tree exactly as it was."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))
    before = await world.tree("source")

    finished = await world.run(keep={"last": 1}, max_destroy="100%")

    assert finished.destroyed == 1
    assert await world.tree("source") == before


async def test_p6_what_did_not_arrive_is_no_success(memory_world, monkeypatch):
    """P6: both ends say that all went well, but the snapshot on the target is another one: the run has failed."""
    world = memory_world
    await world.on_source(Create(""), Snapshot("", "one"))
    look = world.target.look

    async def look_elsewhere(name, snapshot):
        return replace(await look(name, snapshot), guid=12345)

    monkeypatch.setattr(world.target, "look", look_elsewhere)

    finished = await world.run()

    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "not_arrived")


async def test_p6_sender_that_fails_after_its_last_byte_is_no_success(memory_world, monkeypatch):
    """P6: a sender that has sent everything and then ends with an error has failed, whatever the target made of it."""
    world = memory_world
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    send = world.source.send

    async def send_and_fail(step, sink, expect):
        await send(step, sink, expect)
        return Ended(1, "warning: cannot send: I/O error")

    monkeypatch.setattr(world.source, "send", send_and_fail)

    finished = await world.run()

    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "io_error")


async def test_p6_what_could_not_be_pulled_is_not_up_to_date(world):
    """P6: after an increment that was cut, the true recovery point is that of the old snapshot."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    before = world.events.one(DatasetObserved)
    await world.on_source(Write("", size=1_000_000), Snapshot("", "two"))
    await world.cut_send(300_000)

    await world.run()

    after = world.events.one(DatasetObserved)
    assert (before.up_to_date, after.up_to_date) == (True, False)
    assert after.newest_at == before.newest_at
