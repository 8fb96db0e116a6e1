"""The local target, with a stand-in for zfs(8)."""

import asyncio
import threading

import pytest

from zfspull.errors import PermanentError, ZfspullError
from zfspull.hosts import listings
from zfspull.hosts.target import LocalTarget
from zfspull.zfs.listing import parse_tree
from zfspull.zfs.model import Arrived


ZFS = """\
case $2 in
    *,*) echo "cannot destroy 'v/a@x': snapshot does not exist" >&2; echo "cannot destroy 'v/a@y': it's being held." >&2 ;;
    *@x) echo "could not find any snapshots to destroy; check snapshot names." >&2 ;;
    *@y) echo "cannot destroy 'v/a@y': it's being held." >&2 ;;
esac
exit 1
"""


async def test_p6_batch_with_a_missing_snapshot_is_not_taken_for_destroyed(tmp_path):
    """That one snapshot of a batch is gone already does not make the others destroyed."""
    script = tmp_path / "zfs"
    script.write_text(ZFS)
    target = LocalTarget(zfs=["sh", str(script)])

    destroyed = await target.destroy_snapshots("v/a", ["x", "y"], dry_run=False)

    assert destroyed.gone == ("x",)
    assert destroyed.skipped == (("y", "held"),)


RECLAIMING = """\
echo x >>{log}
IFS=@ read -r dataset names <<END
$3
END
count=$(echo "$names" | tr , '\\n' | wc -l)
printf 'destroy\\t%s\\nreclaim\\t%s\\n' "$3" $((count * 100))
"""


async def test_a_dry_run_asks_for_many_snapshots_at_once(tmp_path):
    """What neighbours free together only one command can say, so a dry run takes as many as a command line holds."""
    script, log = tmp_path / "zfs", tmp_path / "log"
    script.write_text(RECLAIMING.format(log=log))
    target = LocalTarget(zfs=["sh", str(script)])
    names = [f"{'n' * 60}{number:04}" for number in range(1500)]

    destroyed = await target.destroy_snapshots("v/a", names, dry_run=True)

    assert destroyed.gone == tuple(names)
    assert destroyed.freed_bytes == 150_000
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize("said", ["", "reclaim\\tmany\\n", "reclaim\\t1\\nreclaim\\t2\\n"])
async def test_a_dry_run_that_says_nothing_frees_nobody_knows_what(tmp_path, said):
    """A figure that is not there is unknown, never 0."""
    script = tmp_path / "zfs"
    script.write_text(f"printf '{said}'\n")

    destroyed = await LocalTarget(zfs=["sh", str(script)]).destroy_snapshots("v/a", ["x"], dry_run=True)

    assert (destroyed.gone, destroyed.freed_bytes) == (("x",), None)


@pytest.mark.parametrize("said", ["", "v\\t1\\n", "v\\t1\\tmuch\\n", "v\\t1\\t2\\nw\\t1\\t2\\n"])
async def test_p8_room_that_is_no_room_is_an_error(tmp_path, said):
    """What is not one line of numbers about one pool is not taken for its room."""
    script = tmp_path / "zfs"
    script.write_text(f"printf '{said}'\n")

    with pytest.raises(PermanentError) as caught:
        await LocalTarget(zfs=["sh", str(script)]).space("v")

    assert caught.value.reason == "listing"


LOOKING = """\
echo x >>{log}
for name do case $name in
    *broken*) echo "cannot open '$name': I/O error" >&2; status=1 ;;
    *gone*) echo "cannot open '$name': dataset does not exist" >&2; status=1 ;;
    v/*@*) printf '%s\\t%s\\t-\\t-\\n' "$name" "${{#name}}" ;;
    v/*) printf '%s\\t7\\t-\\t-\\n' "$name" ;;
esac; done
exit $status
"""


def looking(tmp_path):
    """A target that tells of each snapshot how long its name is, and the log of its commands."""
    script, log = tmp_path / "zfs", tmp_path / "log"
    script.write_text(LOOKING.format(log=log))
    return LocalTarget(zfs=["sh", str(script)]), log


async def test_looks_of_one_moment_are_one_command(tmp_path):
    """What many steps have left behind is looked at together, and each hears of its own."""
    target, log = looking(tmp_path)
    names = [f"v/with space {'x' * number}" for number in range(50)]

    arrived = await asyncio.gather(*(target.look(name, "one") for name in names))

    assert [one.guid for one in arrived] == [len(f"{name}@one") for name in names]
    assert all(one.exists for one in arrived)
    assert len(log.read_text().splitlines()) == 1


async def test_a_look_that_fails_concerns_nobody_else(tmp_path):
    """In one batch: what is there, what is not, and what can't be looked at; the error is that dataset's own."""
    target, _ = looking(tmp_path)

    found = await asyncio.gather(
        *(target.look(f"v/{name}", "s") for name in ("here", "gone", "broken", "there")), return_exceptions=True
    )

    assert (found[0].guid, found[1], found[3].guid) == (8, Arrived(), 9)
    assert isinstance(found[2], ZfspullError)
    assert (found[2].dataset, "I/O error" in found[2].message) == ("v/broken", True)


async def test_one_snapshot_missing_of_a_dataset_that_is_there(tmp_path):
    """A dataset without the snapshot is told from one that is not there."""
    target, _ = looking(tmp_path)

    assert await target.look("v/a", "gone") == Arrived(exists=True)


async def test_p9_a_long_listing_is_read_in_a_thread(tmp_path, monkeypatch):
    """A listing of thousands of snapshots is not read on the loop, where all other jobs would stand still meanwhile."""
    readers = []

    def read(*arguments):
        readers.append(threading.current_thread())
        return parse_tree(*arguments)

    monkeypatch.setattr(listings, "parse_tree", read)
    points = "".join(f"v/a@s{n}\tsnapshot\t{n + 1}\t{n + 1}\t1700000000\t-\t0\t-\n" for n in range(10_000))
    (tmp_path / "filesystem,volume").write_text("v/a\tfilesystem\t11\t-\t-\t-\t0\tyes\toff\t-\t9\t8\t7\n")
    (tmp_path / "snapshot").write_text(points)
    (tmp_path / "zfs").write_text(f'while [ "$1" != -t ]; do shift; done; cat {tmp_path}/"$2"\n')

    tree = await LocalTarget(zfs=["sh", str(tmp_path / "zfs")]).list_tree("v/a", recursive=True)

    assert len(tree.datasets[""].points) == 10_000
    assert readers != []
    assert threading.main_thread() not in readers
