"""The source over SSH: what zfs(8) prints there becomes values or errors."""

from __future__ import annotations

import pytest

from tests.functional.hosts.sshhost import prints
from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.source import SshSource
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Kind, Snapshot


DATASETS = "tank/a b\tfilesystem\t11\t-\t-\t-\t0\tyes\toff\t-\n"
POINTS = "tank/a b@s1\tsnapshot\t21\t5\t1700000000\t-\t0\t-\ntank/a b#m1\tbookmark\t21\t5\t1700000000\t0\t-\t-\n"


def listing(datasets=DATASETS, points=POINTS, stderr="", status=0):
    async def script(words, process):
        kinds = words[words.index("-t") + 1]
        await prints(datasets if kinds == "filesystem,volume" else points, stderr, status)(words, process)

    return script


def full(source="tank/a b", name="s1"):
    return Step(
        kind=StepKind.FULL,
        source=source,
        target="backup/a",
        dataset_kind=Kind.FILESYSTEM,
        to=Snapshot(name=name, guid=21, createtxg=5, creation=1_700_000_000),
    )


async def test_lists_a_tree(ssh_host):
    """A tree is listed by two commands, and names with spaces are one word each."""
    ssh_host.script = listing()

    tree = await SshSource(ssh_host.connection(), zfs=("sudo", "-n", "zfs")).list_tree("tank/a b", recursive=True)

    assert [point.mark for point in tree.datasets[""].points] == ["@s1", "#m1"]
    assert len(ssh_host.commands) == 2
    assert all(words[:4] == ["sudo", "-n", "zfs", "list"] and words[-1] == "tank/a b" for words in ssh_host.commands)


@pytest.mark.parametrize(
    ("datasets", "points"),
    [
        ("Welcome to gw!\n" + DATASETS, POINTS),
        (DATASETS, "motd\n"),
        (DATASETS.replace("11", "eleven"), POINTS),
        ("other/b\tfilesystem\t11\t-\t-\t-\t0\tyes\toff\t-\n", POINTS),
        (DATASETS, POINTS.replace("@s1", "@s1;reboot")),
        ("\udcff\x00\n", POINTS),
    ],
)
async def test_garbage_is_no_listing(ssh_host, datasets, points):
    """A listing with anything in it that zfs never prints is refused whole, with what may be the matter."""
    ssh_host.script = listing(datasets, points)

    with pytest.raises(PermanentError) as caught:
        await SshSource(ssh_host.connection()).list_tree("tank/a b", recursive=True)

    assert (caught.value.reason, caught.value.host, caught.value.dataset) == ("listing", "gw", "tank/a b")
    assert caught.value.hint


async def test_missing_dataset_is_an_empty_tree(ssh_host):
    """That the dataset doesn't exist is an answer, not an error."""
    ssh_host.script = listing("", "", "cannot open 'tank/a b': dataset does not exist\n", 1)

    assert not (await SshSource(ssh_host.connection()).list_tree("tank/a b", recursive=True)).exists


@pytest.mark.parametrize(
    ("stderr", "status", "kind", "reason"),
    [
        ("bash: zfs: command not found\n", 127, PermanentError, "no_zfs"),
        ("sudo: a password is required\n", 1, PermanentError, "unknown"),
        ("internal error: cannot iterate filesystems: I/O error\n", 134, TransientError, "io_error"),
        ("", 137, TransientError, "killed"),
    ],
)
async def test_failed_listing(ssh_host, stderr, status, kind, reason):
    """A listing that fails is an error with the command's own words, even if it printed something before."""
    ssh_host.script = listing(stderr=stderr, status=status)

    with pytest.raises(kind) as caught:
        await SshSource(ssh_host.connection()).list_tree("tank/a b", recursive=True)

    assert (caught.value.reason, caught.value.host) == (reason, "gw")
    assert stderr.strip() in caught.value.message


async def test_estimate(ssh_host):
    """The size of a stream is what a dry run says, None where it says nothing."""
    source = SshSource(ssh_host.connection())
    ssh_host.script = prints("full\ttank/a b@s1\t123456\nsize\t123456\n")
    assert await source.estimate(full()) == 123456
    assert "-n" in ssh_host.commands[-1]

    ssh_host.script = prints("", "cannot open\n", 1)
    assert await source.estimate(full()) is None


async def test_snapshot_that_fails(ssh_host):
    """A snapshot that can't be taken is an error with the command's words and what to do."""
    ssh_host.script = prints("", "cannot create snapshots : permission denied\n", 1)

    with pytest.raises(PermanentError) as caught:
        await SshSource(ssh_host.connection()).snapshot(["tank/a b"], "now", recursive=True)

    assert ssh_host.commands == [["zfs", "snapshot", "-r", "tank/a b@now"]]
    assert (caught.value.reason, caught.value.hint) == ("permission", "see `zfs allow`")


def destroying(*refused, text="cannot destroy snapshot tank/a@{0}: it's being held.\n"):
    """A host that destroys nothing of a batch with one of `refused` in it."""

    async def script(words, process):
        names = words[-1].partition("@")[2].split(",")
        wrong = [name for name in names if name in refused]
        await prints("", "".join(text.format(name) for name in wrong), int(bool(wrong)))(words, process)

    return script


async def test_snapshots_are_destroyed_in_batches(ssh_host):
    """A hundred snapshots go by one command, each of them named; a batch with a held one is gone through one by one."""
    names = [f"s{number}" for number in range(205)]
    ssh_host.script = destroying("s203")

    destroyed = await SshSource(ssh_host.connection()).destroy_snapshots("tank/a", names)

    assert destroyed.gone == tuple(name for name in names if name != "s203")
    assert (destroyed.skipped, destroyed.error) == ((("s203", "held"),), None)
    assert len(ssh_host.commands) == 3 + 5
    assert all(words[:2] == ["zfs", "destroy"] and "%" not in words[2] for words in ssh_host.commands)


async def test_what_concerns_more_than_one_snapshot_ends_the_destroying(ssh_host):
    """A missing permission is not tried again for each snapshot; what went before it is told."""
    names = [f"s{number}" for number in range(150)]
    ssh_host.script = destroying("s120", text="cannot destroy snapshots: permission denied\n")

    destroyed = await SshSource(ssh_host.connection()).destroy_snapshots("tank/a", names)

    assert len(ssh_host.commands) == 2
    assert destroyed.gone == tuple(names[:100])
    assert isinstance(destroyed.error, PermanentError)
    assert (destroyed.error.reason, destroyed.error.host, destroyed.error.dataset) == ("permission", "gw", "tank/a")
