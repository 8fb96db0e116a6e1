"""The restore guide, run as it stands: whoever follows it has everything back, and the backups go on from there.

On real ZFS only: the commands are the guide's, with the names and keys of the test in place of its own.
"""

import re
from pathlib import Path

import pytest

from tests.contract.actions import Create, Snapshot, Write, key_file
from tests.unit.markdown import fences
from zfspull.events import Outcome, TransferFinished


pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "restore.md").read_text()
PATHS = ("", "ann", "ben", "disk")


def commands(heading):
    """The blocks of commands below a heading of the guide."""
    return fences(GUIDE.split(f"\n## {heading}\n")[1].partition("\n## ")[0], "sh")


class Restoring:
    """An administrator with the guide in hand, root on both machines."""

    def __init__(self, world):
        self._world = world
        self.broken, self.restored = f"{world.source_root}-broken", f"{world.source_root}-restored"
        self._names = {
            "backup/gw/home": world.target_root,
            "tank/home-broken": self.broken,
            "tank/restored": self.restored,
            "tank/home": world.source_root,
            "root@10.77.0.1": "-o StrictHostKeyChecking=no root@source",
            "/run/passphrase": key_file("one"),
            "/root/passphrase": key_file("one"),
            "@SNAPSHOT": "@two",
        }

    async def follow(self, side, block, **more):
        """Do what a block says, with other names; returns what it printed."""
        names = self._names | more
        said = re.sub("|".join(map(re.escape, names)), lambda found: names[found.group()], block)
        return (await self._world._shell(side, said)).stdout


@pytest.fixture
async def restoring(real_world):
    """A tree with one key was pulled, and is lost but for its replica."""
    world = real_world
    await world.on_source(
        Create("", key="one"), Create("ann"), Create("ben"), Create("disk", volume=True),
        *(Write(path, size=400_000, volume=path == "disk") for path in PATHS), Snapshot("", "one", recursive=True),
        *(Write(path, size=400_000, volume=path == "disk") for path in PATHS), Snapshot("", "two", recursive=True),
    )  # fmt: skip
    finished = await world.run()
    assert finished.outcome is Outcome.SUCCESS, finished.error
    await world.let_target_in()
    return Restoring(world)


async def goes_on(world, restoring):
    """The restored tree in the old one's place: the same content, and increments from there on."""
    await restoring.follow("source", "zfs rename tank/home tank/home-broken\nzfs rename tank/restored tank/home")
    points = [(path, "two") for path in PATHS]
    there = await world.digests("source", *points)
    assert there == await world.digests("target", *points, keys=dict.fromkeys(PATHS, "one"))
    assert len(set(there)) == len(PATHS)
    await world.on_source(
        *(Write(path, volume=path == "disk") for path in PATHS), Snapshot("", "three", recursive=True)
    )

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert {event.kind for event in world.events.of(TransferFinished)} == {"incremental"}
    points = [(path, "three") for path in PATHS]
    assert await world.digests("source", *points) == await world.digests(
        "target", *points, keys=dict.fromkeys(PATHS, "one")
    )


async def test_a_whole_tree_comes_back_and_goes_on(real_world, restoring):
    """Sent back raw with all its snapshots, unlocked, its encryption roots put together, and pulled on by increments."""
    send, unlock, _ = commands("A whole tree, back to the source")
    await restoring.follow("target", send)
    await restoring.follow("source", unlock)
    await restoring.follow("source", "zfs mount tank/restored/ann; zfs mount tank/restored/ben")

    roots = await restoring.follow("source", "zfs list -H -o encryptionroot -r tank/restored")
    assert set(roots.split()) == {restoring.restored}
    await goes_on(real_world, restoring)


async def test_a_tree_comes_back_in_parts_after_it_was_cut_off(real_world, restoring):
    """Dataset by dataset: one that was cut off is finished by its token, and the loop does the others."""
    loop, rest = commands("A large tree, dataset by dataset")
    ask, finish = rest.splitlines()
    cut = 'zfs send -w "backup/gw/home{0}@SNAPSHOT" {1}| ssh root@10.77.0.1 zfs receive -s -u "tank/restored{0}"'
    await restoring.follow("target", cut.format("", ""))
    await restoring.follow("target", cut.format("/ben", "| head -c 300000 ") + " || true")
    tokens = dict(line.split("\t") for line in (await restoring.follow("target", ask)).splitlines())
    assert tokens[restoring.restored] == "-"

    await restoring.follow("target", finish, TOKEN=tokens[f"{restoring.restored}/ben"])
    await restoring.follow("target", loop)

    await restoring.follow("source", commands("A whole tree, back to the source")[1])
    await restoring.follow("source", "zfs mount tank/restored/ann; zfs mount tank/restored/ben")
    await goes_on(real_world, restoring)
