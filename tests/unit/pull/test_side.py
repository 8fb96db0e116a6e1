"""A side that is listed as far as it may have changed: it shows what a full listing would, at a fraction of the cost."""

import asyncio
import contextlib
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.hosts.memory import MemorySource, Pools, ZfsSaysError, changes
from zfspull.plan.known import FULL_AFTER_SECONDS, SETTLED_AFTER_SECONDS, Knowledge
from zfspull.pull.side import Side
from zfspull.zfs.model import Tree


ROOT = "tank/data"
PATHS = (ROOT, f"{ROOT}/a", f"{ROOT}/a/b", f"{ROOT}/c")


class Clock:
    """Stands still, but for what a test says."""

    def __init__(self):
        self.seconds = 1_700_000_000.25

    def now(self):
        return self.seconds

    def monotonic(self):
        return self.seconds - 1_600_000_000


class Scene:
    """Pools, and a side of them that lasts over many looks, each by a run of its own."""

    def __init__(self, *, few=100, host_tells=True):
        self.clock = Clock()
        self.pools = Pools(["tank"], clock=self.clock, rng=random.Random(3))
        self.source = MemorySource(self.pools)
        self.few = few
        self.knowledge = Knowledge()
        self.fresh = 0
        for path in PATHS:
            self.pools.create(path)
        if not host_tells:
            original = self.source.listings.datasets

            async def datasets(root, *, recursive):
                tree = await original(root, recursive=recursive)
                return Tree(root=root, datasets={
                    path: replace(one, snapshots_changed=None) for path, one in tree.datasets.items()
                })  # fmt: skip

            self.source.listings.datasets = datasets

    def look(self, *, known=False):
        """What the next run sees, of all or of what was there before, and the commands that it takes."""
        return asyncio.run(self._look(known=known))

    async def _look(self, *, known=False):
        self.source.commands.clear()
        side = Side(
            self.source.listings, ROOT, recursive=True, clock=self.clock, knowledge=self.knowledge, few=self.few
        )
        tree = await (side.known_tree() if known else side.tree())
        self.knowledge = side.knowledge
        return tree, len(self.source.commands)

    def apply(self, deed, number):
        """One change; what ZFS refuses is none."""
        nodes = list(self.pools.below(ROOT))
        if not nodes:
            return
        node = nodes[number % len(nodes)]
        shots = [shot.name for shot in node.snapshots]
        shot = shots[number % len(shots)] if shots else "none"
        name = f"n{number}"
        acts = {
            "snapshot": lambda: self.pools.snapshot(node.name, [name]),
            "everywhere": lambda: self.pools.snapshot(ROOT, [name], recursive=True),
            "destroy": lambda: changes.destroy_snapshots(self.pools, node.name, [shot]),
            "rollback": lambda: changes.rollback(self.pools, node.name, shot),
            "dataset": lambda: changes.destroy(self.pools, node.name),
            "create": lambda: self.pools.create(PATHS[number % len(PATHS)]),
            "rename": lambda: changes.rename(self.pools, node.name, f"{ROOT}/{name}"),
            "write": lambda: self.pools.write(node.name, b"content"),
            "clone": lambda: self.pools.clone(node.name, shot, f"{ROOT}/{name}"),
        }
        with contextlib.suppress(ZfsSaysError):
            acts[deed]()


DEEDS = ("snapshot", "everywhere", "destroy", "rollback", "dataset", "create", "rename", "write", "clone")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(DEEDS), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 1.0, 1.9, 2.0, 3.0])),
        st.just(("look", 0)),
    ),
    max_size=30,
)


def bare(tree):
    """A tree without what moves no `snapshots_changed`: what is cloned."""
    return {
        path: (one.guid, one.origin, one.written_bytes, [replace(shot, clones=()) for shot in one.snapshots], one.bookmarks)
        for path, one in tree.datasets.items()
    }  # fmt: skip


@settings(max_examples=100)
@given(events=EVENTS, few=st.sampled_from([0, 3, 100]), host_tells=st.booleans())
def test_what_is_seen_is_what_there_is(events, few, host_tells):
    """Whatever changed, and however little time lay between: each look shows what a full listing would."""
    scene = Scene(few=few, host_tells=host_tells)
    for what, number in (*events, ("look", 0), ("look", 0)):
        if what == "wait":
            scene.clock.seconds += number
        elif what == "look":
            tree, commands = scene.look()
            assert bare(tree) == bare(scene.pools.tree(ROOT, recursive=True))
            assert commands <= 4
        else:
            scene.apply(what, number)


@settings(max_examples=100)
@given(events=EVENTS, few=st.sampled_from([0, 3, 100]), host_tells=st.booleans())
def test_what_was_there_before_is_seen_as_it_is(events, few, host_tells):
    """Asked by name: each dataset that was there at the last look is shown as it is; if one is gone, all that is there."""
    scene = Scene(few=few, host_tells=host_tells)
    before = None
    for what, number in (*events, ("look", 0), ("look", 0)):
        if what == "wait":
            scene.clock.seconds += number
        elif what == "look":
            tree, commands = scene.look(known=True)
            there = bare(scene.pools.tree(ROOT, recursive=True))
            is_whole = not before or not before <= there.keys()
            assert bare(tree) == (there if is_whole else {path: there[path] for path in before})
            assert commands <= 5
            before = tree.datasets.keys()
        else:
            scene.apply(what, number)


@given(
    begin=st.floats(0, 0.999),
    events=st.lists(st.tuples(st.sampled_from(["look", "look", "snapshot"]), st.floats(0, 1.0)), max_size=12),
)
def test_what_changes_within_a_second_is_never_missed(begin, events):
    """Looks and snapshots as near to each other as can be: none hides in the second of another."""
    scene = Scene()
    scene.clock.seconds += begin
    for number, (what, gap) in enumerate((*events, ("look", 0.0))):
        scene.clock.seconds += gap
        if what == "snapshot":
            scene.pools.snapshot(ROOT, [f"n{number}"])
        else:
            assert bare(scene.look()[0]) == bare(scene.pools.tree(ROOT, recursive=True))


def settled_scene(**more):
    """Three snapshots everywhere, seen often enough to be known."""
    scene = Scene(**more)
    for name in ("one", "two", "three"):
        scene.pools.snapshot(ROOT, [name], recursive=True)
        scene.clock.seconds += 10
    for _ in range(2):
        scene.look()
        scene.clock.seconds += SETTLED_AFTER_SECONDS
    return scene


def test_what_has_not_changed_costs_one_command():
    """Once it was listed so long after its last change that no other can hide, nothing is listed but the datasets."""
    assert settled_scene().look()[1] == 1


@pytest.mark.parametrize("step", [0.0, 0.5, 1.0, 1.9])
def test_a_listing_right_after_the_first_look_is_not_trusted(step):
    """Two looks so near to each other prove nothing: a change may have come in the same second."""
    scene = Scene()
    scene.pools.snapshot(ROOT, ["one"], recursive=True)
    scene.look()
    scene.clock.seconds += step
    scene.look()

    assert scene.look()[1] == 2


def test_host_that_can_not_tell_is_listed_each_time():
    """Without `snapshots_changed` nothing is ever taken for unchanged, not even what has no snapshots."""
    scene = settled_scene(host_tells=False)

    assert scene.look()[1] == 2


def test_what_changed_is_listed_in_brief_and_its_news_in_full():
    """One snapshot more costs a command for the datasets, one for those that changed, and one for what is new."""
    scene = settled_scene(few=0)
    scene.pools.snapshot(PATHS[1], ["four"])

    tree, commands = scene.look()

    assert commands == 3
    assert tree.datasets["a"].newest.name == "four"


def test_all_is_listed_in_full_once_a_day():
    """However well everything is known, a day later it is listed from the beginning."""
    scene = settled_scene()
    scene.pools.bookmark(ROOT, "one", "unseen")
    before, _ = scene.look()
    scene.clock.seconds += FULL_AFTER_SECONDS

    after, commands = scene.look()

    assert commands == 2
    assert ([len(one.datasets[""].bookmarks) for one in (before, after)]) == [0, 1]


def test_what_others_add_is_seen_when_it_is_looked_for():
    """A dataset that somebody else made is not looked for by name; whoever makes something looks for all that is there."""
    scene = settled_scene()
    scene.pools.create(f"{ROOT}/new")

    tree, commands = scene.look(known=True)

    assert (set(tree.datasets), commands) == ({"", "a", "a/b", "c"}, 1)
    side = Side(scene.source.listings, ROOT, recursive=True, clock=scene.clock, knowledge=scene.knowledge)
    tree = asyncio.run(side.known_tree())
    for _ in range(2):
        scene.source.commands.clear()
        tree = asyncio.run(side.whole(tree))
    assert "new" in tree.datasets
    assert not scene.source.commands


def test_more_names_than_a_command_takes(monkeypatch):
    """Where the names of what is known are too many for a command line, all is listed as if they were not known."""
    monkeypatch.setattr("zfspull.pull.side.MAX_KNOWN_BYTES", 20)
    scene = settled_scene()
    scene.pools.create(f"{ROOT}/new")

    tree, _ = scene.look(known=True)

    assert "new" in tree.datasets


def test_another_tree_is_not_known():
    """What is known of one dataset is not used for another job's, nor for a tree of another depth."""
    scene = settled_scene()
    knowledge = scene.knowledge

    assert not knowledge.usable("tank/other", recursive=True, now=scene.clock.now())
    assert not knowledge.usable(ROOT, recursive=False, now=scene.clock.now())
    assert not knowledge.usable(ROOT, recursive=True, now=knowledge.full_at - 1)


async def test_what_is_doubted_is_listed_in_full_once_in_a_run():
    """Holds are not known; whoever needs them has those datasets listed, and no others, and not twice."""
    scene = Scene()
    scene.pools.snapshot(ROOT, ["one"], recursive=True)
    scene.clock.seconds += 10
    await scene._look()
    scene.clock.seconds += 10
    await scene._look()
    scene.pools.hold(PATHS[1], "one", "keep")
    scene.source.commands.clear()
    side = Side(scene.source.listings, ROOT, recursive=True, clock=scene.clock, knowledge=scene.knowledge)
    tree = await side.tree()

    again = await side.refreshed(tree, ["a"])
    third = await side.refreshed(again, ["a"])

    assert [one.datasets["a"].snapshots[0].holds for one in (tree, again, third)] == [0, 1, 1]
    assert len(scene.source.commands) == 3
    side.age()
    await side.refreshed(third, ["a"])
    assert len(scene.source.commands) == 5


async def test_what_was_forgotten_or_worked_on_is_listed_again():
    """After a failure a dataset is listed in full; after work of our own, what may be held is."""
    scene = Scene(few=0)
    scene.pools.snapshot(ROOT, ["one"], recursive=True)
    for _ in range(3):
        scene.clock.seconds += 10
        await scene._look()
    guid = scene.pools.find_shot(PATHS[1], "one").guid
    for path in PATHS[1:3]:
        scene.pools.hold(path, "one", "keep")
    side = Side(scene.source.listings, ROOT, recursive=True, clock=scene.clock, knowledge=scene.knowledge, few=0)
    side.forget([PATHS[2]])
    side.unsettle(PATHS[1], [guid])

    tree = await side.tree()

    assert [tree.datasets[path].snapshots[0].holds for path in ("", "a", "a/b", "c")] == [0, 1, 1, 0]
