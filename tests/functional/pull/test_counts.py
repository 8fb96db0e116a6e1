"""What a run costs in commands, whatever the machine: it depends on what changed, not on how much there is."""

from __future__ import annotations

import pytest

from tests.contract.actions import Create, Snapshot, Write
from tests.contract.memory_world import MemoryWorld
from tests.contract.world import Commands
from zfspull.events import Outcome


SIZES = (1, 40, 200)


async def known_tree(datasets):
    """A replica of so many datasets, all of which is known on both sides."""
    world = MemoryWorld()
    paths = ["", *(f"data {number}" for number in range(1, datasets))]
    await world.on_source(*(action for path in paths for action in (Create(path), Write(path))))
    for name in ("one", "two", "three"):
        await world.on_source(Snapshot("", name, recursive=True))
    for _ in range(3):
        assert (await world.run()).outcome is Outcome.SUCCESS
        await world.wait(2.5)
    world.count()
    return world


@pytest.mark.parametrize("datasets", SIZES)
async def test_nothing_to_do_costs_one_command_on_each_side(datasets):
    """Of however many datasets, one listing there and one here tell that nothing is to be done."""
    world = await known_tree(datasets)

    finished = await world.run()

    assert (finished.outcome, finished.datasets, finished.steps) == (Outcome.SUCCESS, datasets, 0)
    assert world.count() == Commands(source=1, target=1)


async def test_new_dataset_costs_one_more_look_at_the_target():
    """Where nothing is made, what is there is listed by name; before something is, what else is there is looked for once."""
    world = await known_tree(40)
    await world.on_source(Create("new"), Write("new"), Snapshot("new", "one"))

    finished = await world.run()
    counted = world.count()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 1)
    assert counted.source <= 3
    assert counted.target <= 6


@pytest.mark.parametrize("datasets", SIZES)
async def test_one_change_costs_the_same_in_a_tree_of_any_size(datasets):
    """One changed dataset: what it takes to list and to send it, and nothing for the others."""
    world = await known_tree(datasets)
    await world.on_source(Write(""), Snapshot("", "four"))

    finished = await world.run()
    counted = world.count()

    assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 1)
    assert counted.source <= 3
    assert counted.target <= 5


async def test_a_child_does_not_look_for_a_parent_that_has_just_arrived():
    """From nothing, each dataset costs its steps and the looks after them; that its parent is there was seen by then."""
    commands = []
    for datasets in (10, 30):
        world = MemoryWorld()
        await world.on_source(*(Create(path) for path in ["", *(f"data {number}" for number in range(1, datasets))]))
        for name in ("one", "two"):
            await world.on_source(Snapshot("", name, recursive=True))
        world.count()

        finished = await world.run()

        assert (finished.outcome, finished.steps) == (Outcome.SUCCESS, 2 * datasets)
        commands.append(world.count().target)

    assert (commands[1] - commands[0]) / 20 == 4  # two steps: a receive and a look for each
