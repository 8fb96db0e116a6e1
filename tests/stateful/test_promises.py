"""The promises as invariants: whatever happens on either side, in whatever order, they hold after every step."""

import contextlib
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.stateful.scenery import KEY, Scenery
from zfspull.errors import LocalResourceError, PermanentError, TransientError
from zfspull.events import Outcome
from zfspull.hosts.memory import ReceiveFault, SendFault, ZfsSaysError, changes
from zfspull.hosts.memory.faults import How
from zfspull.plan.base import find_base
from zfspull.plan.policy import REMEDIES
from zfspull.zfs.model import Kind
from zfspull.zfs.names import join, relative


PATHS = ["", "plain", "plain/below", "secret", "secret/deep", "secret/open"]
NUMBERS = st.integers(0, 10**6)
KEEPS = st.sampled_from([{"last": 1}, {"last": 2}, {"last": 3}, {"hourly": 2}, {"matching": "[02468]$"}])


MIRRORS = st.sampled_from(
    [{"snapshots": True, "grace": "1d"}, {"snapshots": True, "grace": "3d"}, {"snapshots": False}]
)
MISSINGS = st.sampled_from(["keep", {"destroy_after": "2d"}, {"rename_aside_after": "1d"}])
VERBS = ["bookmark", "destroy", "hold", "release"]
RESOLVES = (st.just(set()) | st.just(set(REMEDIES)) | st.sets(st.sampled_from(sorted(REMEDIES)))).map(
    lambda reasons: {reason.value: REMEDIES[reason].value for reason in sorted(reasons)}
)
SENDS = st.none() | st.builds(SendFault, st.integers(1, 6000), st.sampled_from([How.KILLED, How.LINK_LOST]))
RECEIVES = st.none() | st.builds(ReceiveFault, st.integers(1, 6000), st.booleans())


class Replication(RuleBasedStateMachine):
    """A source that lives, a target that somebody meddles with, and runs that are cut, killed and repeated."""

    @initialize(machine=st.sampled_from(["", "box"]), denied=st.sets(st.sampled_from(VERBS)))
    def start(self, machine, denied):
        self.world = Scenery()
        self.world.machine = machine
        self.world.source.denied = denied
        self.names = iter(range(10**6))
        self.random = random.Random(5)
        self.permitted = {}
        self.source.create(self.world.source_root)
        self.source.snapshot(self.world.source_root, ["s0"])

    def teardown(self):
        if hasattr(self, "world"):
            self.world.close()

    @property
    def source(self):
        return self.world.source_pools

    @property
    def target(self):
        return self.world.target_pools

    def pick(self, pools, root, number):
        """One dataset of a tree."""
        nodes = list(pools.below(root))
        return nodes[number % len(nodes)] if nodes else None

    def pick_shot(self, pools, root, number):
        """One dataset and one of its snapshots."""
        found = [(node, shot) for node in pools.below(root) for shot in node.snapshots]
        return found[number % len(found)] if found else (None, None)

    # The source.

    @rule(path=st.sampled_from(PATHS))
    def create(self, path):
        name = join(self.world.source_root, path)
        if name not in self.source.nodes and name.rpartition("/")[0] in self.source.nodes:
            self.source.create(name, passphrase=KEY if path == "secret" else None, plain=path == "secret/open")

    @rule(number=NUMBERS, size=st.sampled_from([40, 3000, 12000]))
    def write(self, number, size):
        node = self.pick(self.source, self.world.source_root, number)
        if node is not None:
            data = self.random.randbytes(size)
            self.source.write(node.name, data)
            if node.key is not None:
                self.world.memory.plain.append(data)

    @rule(number=NUMBERS, recursive=st.booleans())
    def snapshot(self, number, recursive):
        node = self.pick(self.source, self.world.source_root, number)
        if node is not None:
            self.world.clock.seconds += 1700
            self.source.snapshot(node.name, [f"s{next(self.names) + 1}"], recursive=recursive)

    @rule(number=NUMBERS)
    def bookmark(self, number):
        node, shot = self.pick_shot(self.source, self.world.source_root, number)
        if node is not None:
            self.source.bookmark(node.name, shot.name, f"b{next(self.names)}")

    @rule(number=NUMBERS)
    def work(self, number):
        """What a source does most: write, and take a snapshot of everything."""
        self.write(number, 5000)
        self.snapshot(0, recursive=True)

    @rule(number=NUMBERS, how=st.sampled_from(["snapshot", "snapshot", "rollback", "dataset"]))
    def undo(self, number, how):
        """The source destroys snapshots, rolls back, or loses a dataset, unless a cursor holds it."""
        node, shot = self.pick_shot(self.source, self.world.source_root, number)
        if node is None:
            return
        with contextlib.suppress(ZfsSaysError):
            if how == "snapshot":
                changes.destroy_snapshots(self.source, node.name, [shot.name])
            elif how == "rollback":
                changes.rollback(self.source, node.name, shot.name)
            elif node.name != self.world.source_root:
                changes.destroy(self.source, node.name)

    @rule(number=NUMBERS, how=st.sampled_from(["encrypted", "plain", "volume"]))
    def recreate(self, number, how):
        """The source destroys a dataset and creates another one of its name."""
        node = self.pick(self.source, self.world.source_root, number)
        if node is None or node.name == self.world.source_root:
            return
        with contextlib.suppress(ZfsSaysError):
            changes.destroy(self.source, node.name)
            kind = Kind.VOLUME if how == "volume" else Kind.FILESYSTEM
            passphrase = KEY if how == "encrypted" else None
            self.source.create(node.name, kind=kind, passphrase=passphrase, plain=how != "encrypted")
            self.source.snapshot(node.name, [f"s{next(self.names) + 1}"])

    @rule(number=NUMBERS, below=NUMBERS)
    def rename(self, number, below):
        """The source renames a dataset, with all below it; one that inherits its key stays where it is."""
        node, above = (self.pick(self.source, self.world.source_root, one) for one in (number, below))
        if node is None or node.name == self.world.source_root or relative(node.name, above.name) is not None:
            return
        if node.key is not None and node.encryption_root != node.name:
            return
        changes.rename(self.source, node.name, f"{above.name}/moved{next(self.names)}")

    # The target, meddled with.

    @rule(number=NUMBERS, how=st.sampled_from(["hold", "clone", "snapshot", "write"]))
    def meddle(self, number, how):
        """Somebody holds, clones, snapshots or writes to a replica."""
        node, shot = self.pick_shot(self.target, self.world.target_root, number)
        if node is None:
            return
        if how == "hold":
            self.target.hold(node.name, shot.name, f"stray{next(self.names)}")
        elif how == "clone":
            self.target.clone(node.name, shot.name, f"vault/clone{next(self.names)}")
        elif how == "snapshot":
            self.target.snapshot(node.name, [f"stray{next(self.names)}"])
        elif node.key is None:
            self.target.write(node.name, b"stray")

    @rule()
    def follow_advice(self):
        """Somebody does what the refusals say: rolls back to the base, or moves the replica aside."""
        for dataset in reversed(self.world.plan().refused):
            self.repair(self.target.nodes.get(dataset.target), dataset.path)
        self.world.forget_progress()
        self.remember()

    def repair(self, node, path):
        if node is None or node.partial:
            return
        source = self.source.tree(self.world.source_root, recursive=True).datasets[path]
        base = find_base(source, self.target.tree(node.name, recursive=False).datasets[""]).base
        try:
            if base is not None:
                changes.rollback(self.target, node.name, base.target.name)
            else:
                changes.rename(self.target, node.name, f"vault/aside{next(self.names)}")
        except ZfsSaysError:
            pass  # held or cloned: the advice does not go that far

    # Runs.

    @rule(number=NUMBERS, sends=st.lists(SENDS, max_size=3), receives=st.lists(RECEIVES, max_size=3), resolve=RESOLVES)
    def pull_with_cuts(self, number, sends, receives, resolve):
        self.work(number)
        self.world.faults.sends += sends
        self.world.faults.receives += receives
        self.world.pull(resolve=resolve)

    @rule(number=NUMBERS, turns=st.integers(1, 80), resolve=RESOLVES)
    def pull_killed(self, number, turns, resolve):
        self.work(number)
        self.world.pull(cancel_after=turns, resolve=resolve)

    @rule(resolve=RESOLVES, share=st.sampled_from(["100%", "50%", 0]))
    def pull_resolved(self, resolve, share):
        """P1: what a rollback destroys is within `max_destroy`, each dataset's for itself."""
        totals = {guid: len(guids) for guid, guids in self.snapshots_of_target().items()}
        self.world.pull(resolve=resolve, max_destroy=share)
        for guid, gone in self.world.memory.rolled_back.items():
            assert len(gone) <= {"100%": totals[guid], "50%": -(-totals[guid] // 2), 0: 0}[share]

    @rule(side=st.sampled_from(["source_calls", "target_calls"]), skip=st.integers(0, 12), kind=st.sampled_from([TransientError, PermanentError, LocalResourceError]), resolve=RESOLVES)  # fmt: skip
    def pull_with_failing_call(self, side, skip, kind, resolve):
        getattr(self.world.faults, side).extend([*[None] * skip, kind("by a planned fault", reason="planned")])
        self.world.pull(resolve=resolve)

    @rule(match=st.sampled_from([None, "[0-4]$", "^s"]), exclude=st.sampled_from([[], ["plain"], ["*/deep"]]))
    def pull_some(self, match, exclude):
        self.world.pull(snapshots={"match": match}, exclude=exclude)
        self.world.finished = None  # its reports are about another policy

    @rule(keep=KEEPS, share=st.sampled_from(["100%", "50%", 1]), resolve=RESOLVES)
    def pull_and_prune(self, keep, share, resolve):
        before = self.snapshots_of_target()
        self.world.pull(keep=keep, max_destroy=share, resolve=resolve)
        self.permitted = self.gone_since(before)
        self.check_guards(self.permitted, share)

    @rule(wishes=st.fixed_dictionaries({"mirror": MIRRORS, "missing": MISSINGS}), keep=st.none() | KEEPS, share=st.sampled_from(["100%", "50%", 1]), days=st.integers(1, 5), resolve=RESOLVES)  # fmt: skip
    def pull_mirrored(self, wishes, keep, share, days, resolve):
        """P3: a mirror takes nothing that the source has, and a dataset goes only as a whole, and only if the job says so."""
        there = {shot.guid for node in self.source.below(self.world.source_root) for shot in node.snapshots}
        for _ in range(days):
            self.world.later(days=1)
            before = self.snapshots_of_target()
            self.world.pull(**wishes, keep=keep, max_destroy=share, resolve=resolve)
            self.check_mirror(self.gone_since(before), there, wishes, keep)
            self.test_p1_p3_nothing_vanishes_from_the_target()

    def check_mirror(self, gone, there, wishes, keep):
        self.permitted = gone
        destroyed = {guid: shots for guid, shots in gone.items() if self.node_of(guid) is None}
        thinned = {guid: shots for guid, shots in gone.items() if guid not in destroyed}
        assert not destroyed or "destroy_after" in wishes["missing"]
        assert all(there.isdisjoint(shots) for shots in destroyed.values())
        if keep is None:
            assert all(there.isdisjoint(shots) for shots in thinned.values())
            assert not thinned or wishes["mirror"]["snapshots"]
        self.check_guards(thinned, "100%")

    @rule(number=NUMBERS, keep=st.none() | KEEPS, keep_source=KEEPS, sends=st.lists(SENDS, max_size=2), resolve=RESOLVES)  # fmt: skip
    def pull_and_prune_source(self, number, keep, keep_source, sends, resolve):
        """P4: what a run destroys on the source has arrived, or would have gone from the target; a base always stays."""
        self.work(number)
        self.world.faults.sends += sends
        before = {node.guid: {shot.guid for shot in node.snapshots} for node in self.source.nodes.values()}
        here = self.snapshots_of_target()
        self.world.pull(keep=keep, keep_source=keep_source, max_destroy="100%", resolve=resolve)
        gone = {guid: shots - self.now_on(guid) for guid, shots in here.items()}
        self.permitted = {guid: shots for guid, shots in gone.items() if shots}
        arrived = set().union(*here.values(), *self.snapshots_of_target().values())
        for node in self.source.nodes.values():
            lost = before[node.guid] - {shot.guid for shot in node.snapshots}
            if lost:
                path = relative(self.world.source_root, node.name)
                replica = self.target.tree(join(self.world.target_root, path), recursive=False).datasets[""]
                source = self.source.tree(node.name, recursive=False).datasets[""]
                assert find_base(source, replica).base is not None
                assert replica.resume_token is None
                assert keep is not None or lost <= arrived

    @precondition(lambda self: self.world.target_root in self.target.nodes)
    @rule(resolve=RESOLVES)
    def pull_until_done(self, resolve):
        """P5: once nothing goes wrong any more, two runs bring everything that is not refused, and a third moves nothing.

        What was renamed several times since may take a run for each.
        """
        for _ in range(4 if resolve else 2):
            self.world.pull(resolve=resolve)
        plan = self.world.plan()

        assert not [str(dataset) for dataset in plan.datasets if dataset.steps]
        third = self.world.pull(resolve=resolve)
        assert third is not None
        assert third.received_bytes == 0
        assert third.outcome in (Outcome.SUCCESS, Outcome.REFUSED), third.error

    # What always holds.

    def snapshots_of_target(self):
        """Of every dataset, aside or not, by its own guid."""
        return {node.guid: frozenset(shot.guid for shot in node.snapshots) for node in self.target.nodes.values()}

    def gone_since(self, before):
        """By dataset (guid): what it had `before` and has no more, but for what a rollback took."""
        rolled_back = self.world.memory.rolled_back
        gone = {guid: shots - self.now_on(guid) - rolled_back.get(guid, frozenset()) for guid, shots in before.items()}
        return {guid: shots for guid, shots in gone.items() if shots}

    def node_of(self, guid):
        return next((node for node in self.target.nodes.values() if node.guid == guid), None)

    def now_on(self, guid):
        node = self.node_of(guid)
        return frozenset(shot.guid for shot in node.snapshots) if node else frozenset()

    def remember(self):
        self.world.memory.taken = self.snapshots_of_target()
        self.world.memory.rolled_back = {}

    def check_guards(self, gone, share):
        """P1: what retention destroyed was neither base nor newer, nor newest, held, cloned, nor too much."""
        total = sum(map(len, gone.values()))
        if share == 1:
            assert total <= 1
        source = self.source.tree(self.world.source_root, recursive=True)
        for guid, guids in gone.items():
            if not guids:
                continue
            node = self.node_of(guid)
            assert node.partial is None
            assert node.snapshots, "retention has emptied a dataset"
            assert "-aside-" not in node.name
            dataset = source.datasets.get(relative(self.world.target_root, node.name))
            if dataset is not None:
                replica = self.target.tree(node.name, recursive=False).datasets[""]
                assert find_base(dataset, replica).base is not None

    @invariant()
    def test_p1_p3_nothing_vanishes_from_the_target(self):
        """Whatever was on the target is there, but for what retention or an allowed rollback took in this very step."""
        if not hasattr(self, "world"):
            return
        for guid, guids in self.world.memory.taken.items():
            allowed = self.permitted.get(guid, frozenset()) | self.world.memory.rolled_back.get(guid, frozenset())
            assert guids - self.now_on(guid) <= allowed, guid
        self.permitted = {}
        self.remember()

    @invariant()
    def test_p5_nothing_is_sent_twice(self):
        """What an interrupted receive has kept, or a snapshot that arrived, is not sent again."""
        if hasattr(self, "world"):
            assert self.world.memory.twice == []

    @invariant()
    def test_p5_replicas_are_right(self):
        """A snapshot of the same guid has the same content, time and IV set on both sides."""
        if hasattr(self, "world"):
            self.world.check_replicas()

    @invariant()
    def test_p6_reports_are_true(self):
        """A success has left nothing to do, and what is reported as up to date is."""
        if hasattr(self, "world"):
            self.world.check_reports()
            self.world.finished = None

    @invariant()
    def test_p7_no_plain_bytes_of_encrypted_datasets(self):
        """Nothing that was written to an encrypted dataset is readable on the target."""
        if hasattr(self, "world"):
            self.world.check_ciphertext()


TestReplication = Replication.TestCase
TestReplication.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a busy machine is no failure
