"""The listings of a side in parts, over SSH: which commands they take, and what a host that is older or busy makes of it."""

from __future__ import annotations

import pytest

from tests.functional.hosts.sshhost import prints
from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.source import SshSource
from zfspull.zfs.model import Brief


DATASET = "tank/a b\tfilesystem\t11\t-\t-\t-\t0\tyes\toff\t-"
OLD = "bad property list: invalid property 'snapshots_changed'\nusage:\n\tlist ...\n"
GONE = "cannot open 'tank/c': dataset does not exist\n"


def host_of(version):
    async def script(words, process):
        asked = "snapshots_changed" in words[words.index("-o") + 1]
        if asked and version == "2.1":
            await prints("", OLD, 2)(words, process)
        else:
            await prints(DATASET + asked * "\t1000" + "\n")(words, process)

    return script


@pytest.mark.parametrize(("version", "commands", "changed"), [("2.1", [2, 1, 1], None), ("2.2", [1, 1, 1], 1000)])
async def test_whether_a_host_tells_changes_is_found_out_once(ssh_host, version, commands, changed):
    """OpenZFS 2.1 fails the listing for one property that it does not know: asked once, and then done without."""
    ssh_host.script = host_of(version)
    source = SshSource(ssh_host.connection())
    taken = []
    for _ in range(3):
        ssh_host.commands.clear()
        tree = await source.listings.datasets("tank/a b", recursive=True)
        taken.append(len(ssh_host.commands))
        assert tree.datasets[""].snapshots_changed == changed

    assert taken == commands


async def test_never_changed_is_zero(ssh_host):
    """A dash says that no snapshot was ever made or destroyed, as far as the pool knows."""
    ssh_host.script = prints(f"{DATASET}\t-\n")

    tree = await SshSource(ssh_host.connection()).listings.datasets("tank/a b", recursive=True)

    assert tree.datasets[""].snapshots_changed == 0


async def test_several_are_named_in_one_command(ssh_host):
    """Each dataset is a word of its own, and nothing below it is listed, unless all below one is meant."""
    ssh_host.script = prints("tank/a b@s\t1\t2\ntank/c#m\t3\t4\n")
    listings = SshSource(ssh_host.connection()).listings

    named = await listings.briefly(["tank/a b", "tank/c", "tank/empty"], below=None)
    below = await listings.briefly(["tank/c"], below="tank")

    assert named == {"tank/a b": (Brief("@s", 1, 2),), "tank/c": (Brief("#m", 3, 4),), "tank/empty": ()}
    assert below == {"tank/c": (Brief("#m", 3, 4),)}
    common = ["zfs", "list", "-Hp"]
    columns = ["-t", "snapshot,bookmark", "-o", "name,guid,createtxg"]
    assert ssh_host.commands == [
        [*common, "-d", "1", *columns, "tank/a b", "tank/c", "tank/empty"],
        [*common, "-r", *columns, "tank"],
    ]


async def test_one_that_is_gone_does_not_take_the_others_along(ssh_host):
    """What is there is listed all the same; of what is not in the answer nothing is known."""
    ssh_host.script = prints("tank/a b@s\t1\t2\n", GONE, 1)

    found = await SshSource(ssh_host.connection()).listings.briefly(["tank/a b", "tank/c", "tank/empty"], below=None)

    assert set(found) == {"tank/a b"}


@pytest.mark.parametrize("text", ["tank/d@s\t1\t2\n", "motd\n", "tank/a b@s\t1\t2\t3\n"])
async def test_what_was_not_asked_for_is_no_listing(ssh_host, text):
    """Anything else than what was asked for is refused whole."""
    ssh_host.script = prints(text)

    with pytest.raises(PermanentError) as caught:
        await SshSource(ssh_host.connection()).listings.briefly(["tank/a b"], below=None)

    assert (caught.value.reason, caught.value.host) == ("listing", "gw")


async def test_any_other_failure_is_raised(ssh_host):
    """Half an answer of a command that failed is none."""
    ssh_host.script = prints("tank/a b@s\t1\t2\n", "cannot iterate filesystems: I/O error\n", 1)
    listings = SshSource(ssh_host.connection()).listings

    for ask in (listings.briefly(["tank/a b"], below=None), listings.named(["tank/a b@s"])):
        with pytest.raises((PermanentError, TransientError)):
            await ask
