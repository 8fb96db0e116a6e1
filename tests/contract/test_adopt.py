"""What another tool has replicated is taken over by guid: what is there is not sent again."""

import pytest

from tests.contract.actions import Create, Destroy, DestroySnapshots, Snapshot, Write
from tests.contract.test_words import step
from tests.contract.world import assert_equal, guids
from zfspull.events import Outcome, TransferStarted


BIG, SMALL = 1_000_000, 5_000


@pytest.mark.parametrize("tool", ["send", "syncoid"])
async def test_replica_of_another_tool_is_taken_over(world, tool):
    """Whole, outdated, begun or missing in places: each dataset gets what it lacks, and nothing that it has."""
    paths = ("", "outdated", "gone", "secret")
    await world.on_source(
        Create(""), Create("outdated"), Create("gone"), Create("secret", key="one"),
        *(Write(path, size=SMALL if path == "gone" else BIG) for path in paths), Snapshot("", "one", recursive=True),
        *(Write(path, size=SMALL) for path in paths), Snapshot("", "two", recursive=True),
    )  # fmt: skip
    await world.replicate(tool)
    newer = [name for name in await world.names("outdated") if name != "one"]
    await world.on_target(DestroySnapshots("outdated", tuple(newer)), Destroy("gone"))
    await world.on_source(
        Create("begun"), Write("begun", size=BIG), *(Write(path, size=SMALL) for path in paths),
        Snapshot("", "three", recursive=True),
    )  # fmt: skip
    begun = await world.stream("begun", "three", raw=True)
    await world.receive(step(world, "begun", to="three"), begun[: len(begun) * 4 // 5])
    world.machine = "machine"

    finished = await world.run(resolve={"target_modified": "rollback"})

    source, target = await world.tree("source"), await world.tree("target")
    kinds = {(event.dataset.removeprefix(world.target_root), event.kind) for event in world.events.of(TransferStarted)}
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert guids(source) == guids(target)
    assert kinds == {
        ("", "incremental"), ("/outdated", "range"), ("/gone", "full"), ("/gone", "range"),
        ("/secret", "incremental"), ("/begun", "resume"),
    }  # fmt: skip
    assert finished.received_bytes < BIG  # of more than four of them
    assert all(dataset.bookmarks for dataset in source.datasets.values())
    await assert_equal(world, *((path, "three") for path in (*paths, "begun")), keys={"secret": "one"})
