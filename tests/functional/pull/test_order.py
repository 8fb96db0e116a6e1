"""Parents before children, and each dataset for itself."""

from __future__ import annotations

import pytest

from tests.contract.actions import Create, Snapshot
from tests.contract.memory_world import MemoryWorld
from zfspull.events import DatasetFailed, Outcome, TransferStarted


async def test_a_child_of_a_parent_that_failed_is_not_tried():
    """Where the parent could not be made, no stream is started below it, and each that waits for it says why."""
    world = MemoryWorld()
    await world.on_source(Create(""), Create("mail"), Create("mail/old"), Snapshot("", "one", recursive=True))
    await world.cut_send(0)

    finished = await world.run()

    assert finished.outcome is Outcome.FAILED
    assert [event.dataset for event in world.events if isinstance(event, TransferStarted)] == [world.target_root]
    failed = {event.dataset: event.reason for event in world.events if isinstance(event, DatasetFailed)}
    below = {f"{world.target_root}/{path}" for path in ("mail", "mail/old")}
    assert {dataset for dataset, reason in failed.items() if reason == "parent_failed"} == below
    assert (await world.run()).outcome is Outcome.SUCCESS


async def test_a_bug_with_one_dataset_costs_no_other_its_backup(monkeypatch):
    """What is no error of ours ends the run as a bug, once all other datasets have been pulled."""
    world = MemoryWorld()
    await world.on_source(Create(""), Create("a"), Create("b"), Create("c"), Snapshot("", "one", recursive=True))
    send = world.source.send

    async def stumble(step, *args):
        if step.source.endswith("/a"):
            raise ZeroDivisionError("oops")
        return await send(step, *args)

    monkeypatch.setattr(world.source, "send", stumble)

    with pytest.raises(ZeroDivisionError):
        await world.run()

    assert {path for path, dataset in (await world.tree("target")).datasets.items() if dataset.newest} == {"", "b", "c"}
