"""The local target, with a stand-in for zfs(8)."""

from zfspull.hosts.target import LocalTarget


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
