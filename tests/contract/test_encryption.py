"""P7: what is encrypted stays encrypted, what is plain stays plain, whatever lies above it."""

from dataclasses import replace

import pytest

from tests.contract.actions import (
    CopyPlain,
    Create,
    Destroy,
    Embed,
    LoadKey,
    Rename,
    Snapshot,
    UnloadKey,
    Write,
    WriteReplica,
)
from tests.contract.world import assert_equal, guids
from zfspull.errors import TransientError
from zfspull.events import DatasetRefused, Outcome
from zfspull.plan.steps import Reason, Step, StepKind
from zfspull.zfs.model import Snapshot as Point
from zfspull.zfs.names import join
from zfspull.zfs.stderr import classify
from zfspull.zfs.texts import Side


async def test_p7_nested_encryption_roots_are_replicated_raw(world):
    """A tree with two keys comes over as ciphertext, in full and by increment, and either key opens its part of it."""
    await world.on_source(
        Create("", key="one"), Write(""), Create("same"), Write("same"), Create("other", key="two"), Write("other"),
        Snapshot("", "one", recursive=True),
    )  # fmt: skip
    first = await world.run()
    await world.on_source(Write(""), Write("other"), Snapshot("", "two", recursive=True))

    second = await world.run()

    source, target = await world.tree("source"), await world.tree("target")
    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    assert guids(source) == guids(target)
    assert all(ivset for points in guids(target).values() for _, _, ivset in points)
    assert [dataset.key_available for dataset in target.datasets.values()] == [False, False, False]
    keys = {"": "one", "same": "one", "other": "two"}
    await assert_equal(world, ("", "two"), ("same", "two"), ("other", "one"), ("other", "two"), keys=keys)


async def test_p7_plain_child_of_an_encrypted_parent_stays_plain(world):
    """Raw and plain datasets in one tree each stay what they are: a plain child below a locked replica."""
    await world.on_source(
        Create("", key="one"), Write(""), Create("plain", plain=True), Write("plain"),
        Snapshot("", "one", recursive=True),
    )  # fmt: skip
    first = await world.run()
    await world.on_source(Write("plain"), Write(""), Snapshot("", "two", recursive=True))

    second = await world.run()

    target = (await world.tree("target")).datasets
    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    assert (target[""].key_available, target["plain"].encrypted) == (False, False)
    await assert_equal(world, ("", "two"), ("plain", "one"), ("plain", "two"), keys={"": "one"})


async def test_p7_encrypted_child_of_a_plain_parent_stays_encrypted(world):
    """The other way round: a raw replica below a plain one."""
    await world.on_source(
        Create(""), Write(""), Create("secret", key="two"), Write("secret"), Snapshot("", "one", recursive=True)
    )

    finished = await world.run()

    target = (await world.tree("target")).datasets
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert (target[""].encrypted, target["secret"].key_available) == (False, False)
    await assert_equal(world, ("", "one"), ("secret", "one"), keys={"secret": "two"})


async def test_p7_placeholder_below_a_raw_replica_needs_no_key(world):
    """A placeholder between two replicas can be made though the key of the upper one is not here."""
    await world.on_source(
        Create("", key="one"), Snapshot("", "one"), Create("between"), Create("between/plain", plain=True),
        Write("between/plain"), Snapshot("between/plain", "one"),
        Create("between/secret"), Write("between/secret"), Snapshot("between/secret", "one"),
    )  # fmt: skip

    finished = await world.run()

    target = (await world.tree("target")).datasets
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert {path: dataset.encrypted for path, dataset in target.items()} == {
        "": True, "between": False, "between/plain": False, "between/secret": True,
    }  # fmt: skip
    keys = {"between/secret": "one"}
    await assert_equal(world, ("between/plain", "one"), ("between/secret", "one"), keys=keys)


async def test_p7_locked_source_is_pulled_all_the_same(world):
    """The key is needed nowhere: a source whose key is not loaded is pulled raw."""
    await world.on_source(Create("", key="one"), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))
    await world.unload_source_key()

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["one", "two"]


async def test_p7_plain_replica_of_a_source_that_became_encrypted_is_refused(world):
    """A source that is encrypted now is not pulled onto the plain replica of its past."""
    await world.on_source(Create(""), Create("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(*_recreated("a", key="one"))

    finished = await world.run()

    (refused,) = world.events.of(DatasetRefused)
    assert finished.outcome is Outcome.REFUSED
    assert refused.reason == Reason.SOURCE_ENCRYPTED
    assert await world.names("a") == ["one"]


@pytest.mark.parametrize("loaded", [False, True])
async def test_p7_raw_replica_of_a_source_that_became_plain_is_refused(world, loaded):
    """A source that was decrypted, with its snapshots, is not pulled onto the ciphertext, whether or not its key is here."""
    await world.on_source(Create(""), Create("a", key="one"), Write("a"), Snapshot("", "one", recursive=True))
    await world.run()
    await world.on_source(
        CopyPlain("a", "one", "b"), Destroy("a"), Rename("b", "a"), Write("a"), Snapshot("a", "two")
    )  # fmt: skip
    if loaded:
        await world.on_target(LoadKey("a", "one"))

    finished = await world.run()

    if loaded:
        await world.on_target(UnloadKey("a"))
    assert finished.outcome is Outcome.REFUSED
    assert world.events.one(DatasetRefused).reason == Reason.SOURCE_PLAIN
    assert await world.names("a") == ["one"]


async def test_p7_broken_raw_lineage_is_refused_before_a_byte_is_sent(world):
    """Once the replica was written by a non-raw receive, guids agree and IV sets do not: that is no base."""
    await world.on_source(Create("", key="one"), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))
    await world.on_target(LoadKey("", "one"))
    stray = await world.stream("", "two", "@one", raw=False)
    ended = await world.receive(increment(world), stray)
    await world.on_target(UnloadKey(""))
    await world.on_source(Write(""), Snapshot("", "three"))

    finished = await world.run()

    assert ended.ok, ended.stderr
    (refused,) = world.events.of(DatasetRefused)
    assert finished.outcome is Outcome.REFUSED
    assert refused.reason in (Reason.LINEAGE_BROKEN, Reason.TARGET_NEWER)
    assert await world.names() == ["one", "two"]


async def test_plain_source_is_encrypted_below_a_key_of_ours(world):
    """What is plain on the source is encrypted here if what lies above it is, embedded blocks or not, again and again."""
    await world.on_target(Create("", key="one"))
    await world.on_source(
        Create(""), Embed(""), Create("a"), Embed("a"), Create("v", volume=True), Write("v", volume=True),
        Snapshot("", "one", recursive=True),
    )  # fmt: skip
    first = await world.run(target=join(world.target_root, "copy"))
    await world.on_source(
        Embed("a"), Write("a"), Create("b"), Embed("b"), Snapshot("", "two", recursive=True), Write(""),
        Snapshot("", "three", recursive=True),
    )  # fmt: skip

    second = await world.run(target=join(world.target_root, "copy"))

    target = (await world.tree("target")).datasets
    assert (first.outcome, second.outcome) == (Outcome.SUCCESS, Outcome.SUCCESS), (first.error, second.error)
    assert {dataset.encryption_root for dataset in target.values()} == {world.target_root}
    points = [("", "one"), ("", "three"), ("a", "one"), ("a", "three"), ("b", "two"), ("b", "three")]
    assert await world.digests("source", *points) == await world.digests(
        "target", *((join("copy", path), name) for path, name in points)
    )


async def test_zfs_takes_no_embedded_blocks_into_what_it_encrypts(world):
    """Why such streams are sent without them: neither a first one nor an increment is taken with `-w`."""
    await world.on_target(Create("", key="one"))
    await world.on_source(
        Create(""), Create("a"), Write("a"), Snapshot("a", "one"), Write("a"), Embed("a"), Snapshot("a", "two")
    )
    first = await world.receive(increment(world, "a"), await world.stream("a", "two", raw=True))
    without = await world.run(target=join(world.target_root, "b"), snapshots={"match": "one"})
    more = replace(increment(world, "b/a"), target=join(world.target_root, "b/a"))

    later = await world.receive(more, await world.stream("a", "two", "@one", raw=True))

    assert without.outcome is Outcome.SUCCESS, without.error
    for ended in (first, later):
        assert not ended.ok
        assert classify(Side.TARGET, ended.stderr).reason == "target_changed"


async def test_plain_source_below_a_key_of_ours_is_resumed(world):
    """A first stream and an increment that were cut go on where they were, though no embedded blocks are sent."""
    await world.on_target(Create("", key="one"))
    await world.on_source(Create(""), Embed(""), Write("", size=2_000_000), Snapshot("", "one"))
    await world.cut_send(900_000)
    cuts = [await world.run(target=join(world.target_root, "copy"))]
    resumed = [await world.run(target=join(world.target_root, "copy"))]
    await world.on_source(Embed(""), Write("", size=2_000_000), Snapshot("", "two"))
    await world.cut_send(900_000)
    cuts.append(await world.run(target=join(world.target_root, "copy")))

    resumed.append(await world.run(target=join(world.target_root, "copy")))

    assert [finished.outcome for finished in cuts] == [Outcome.FAILED, Outcome.FAILED]
    assert [finished.outcome for finished in resumed] == [Outcome.SUCCESS] * 2, resumed
    assert [finished.resumed for finished in resumed] == [1, 1]
    assert await world.digests("source", ("", "one"), ("", "two")) == await world.digests(
        "target", ("copy", "one"), ("copy", "two")
    )


async def test_p7_source_that_is_encrypted_by_now_is_not_sent_in_plain(world):
    """A step that was planned for a plain dataset sends nothing if another one, encrypted, has its name by then."""
    await world.on_target(Create("", key="one"))
    await world.on_source(Create("", key="two"), Write(""), Snapshot("", "two"))
    step = replace(increment(world), kind=StepKind.FULL, embedded=False)

    with pytest.raises(TransientError, match="encrypted now") as raised:
        await world.source.send(step, NoSink(), lambda _: None)

    assert raised.value.reason == "source_changed"


class NoSink:
    """Nothing may be written to it."""

    broken = False
    pending_bytes = 0

    def write(self, data):
        raise AssertionError(f"{len(data)} bytes were sent")

    async def drain(self):
        pass


def increment(world, path=""):
    """A step for a receive that is fed by hand."""
    return Step(
        kind=StepKind.INCREMENTAL,
        source=join(world.source_root, path),
        target=join(world.target_root, path),
        dataset_kind="filesystem",
        to=Point(name="two", guid=1, createtxg=1, creation=1),
    )


def _recreated(path, *, key=None):
    return Destroy(path), Create(path, key=key), Write(path), Snapshot(path, "one"), Write(path), Snapshot(path, "two")


async def test_plain_replica_that_was_written_to_is_refused(world):
    """A replica that somebody wrote to is not rolled back: a person decides."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await world.run()
    await world.on_target(WriteReplica(""))
    unchanged = await world.run()
    await world.on_source(Write(""), Snapshot("", "two"))

    finished = await world.run()

    assert unchanged.outcome is Outcome.SUCCESS
    assert finished.outcome is Outcome.REFUSED
    assert world.events.one(DatasetRefused).reason == Reason.TARGET_MODIFIED
    assert await world.names() == ["one"]
