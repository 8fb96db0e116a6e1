"""P7: which encrypted replicas of a plain source can't go on."""

import pytest

from zfspull.plan.policy import Policy
from zfspull.plan.steps import Reason
from zfspull.plan.tree import plan_tree
from zfspull.zfs.model import Dataset, Kind, Snapshot, Tree
from zfspull.zfs.token import ResumeToken, encode


ONE, TWO = (Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=guid) for guid in (1, 2))
FOREIGN = Snapshot(name="auto", guid=9, createtxg=9, creation=9)


def dataset(name, *snapshots, root=None, loaded=True, **fields):
    key = {"encryption_root": root, "key_available": loaded} if root else {}
    return Dataset(name=name, kind=Kind.FILESYSTEM, guid=len(name), snapshots=snapshots, **key, **fields)


def plan_of_child(above, child):
    """The plan for a plain dataset with a second snapshot, below another plain one."""
    source = Tree(root="tank", datasets={"": dataset("tank", ONE), "a": dataset("tank/a", ONE, TWO)})
    return plan_tree(source, Tree(root="vault/b", datasets={"": above, "a": child}), Policy()).datasets[1]


@pytest.mark.parametrize(
    ("above", "root", "loaded", "refused"),
    [
        # its own root: received raw
        (dataset("vault/b", ONE), "vault/b/a", False, True),
        (dataset("vault/b", ONE), "vault/b/a", True, True),
        # below a raw replica whose key it shares, as `zfs send -R -w` leaves it
        (dataset("vault/b", ONE, root="vault/b"), "vault/b", True, True),
        # below a parent that was made for it
        (dataset("vault/b", root="vault/b"), "vault/b", True, False),
        (dataset("vault/b", FOREIGN, root="vault/b"), "vault/b", True, False),
        (dataset("vault/b", ONE, root="vault"), "vault", True, False),
        (dataset("vault/b", ONE, root="vault", loaded=False), "vault", False, True),
    ],
)
def test_p7_nothing_plain_is_sent_onto_what_came_raw(above, root, loaded, refused):
    """A loaded key makes no difference to a raw replica; only what was encrypted here goes on with it."""
    plan = plan_of_child(above, dataset("vault/b/a", ONE, root=root, loaded=loaded))

    assert (plan.refusal is not None) is refused
    assert plan.refusal is None or plan.refusal.reason is Reason.SOURCE_PLAIN
    assert bool(plan.steps) is not refused


def test_p7_nor_is_the_rest_of_a_plain_stream():
    """An increment that somebody else began plainly on a raw replica is not finished either."""
    token = encode(
        ResumeToken(
            to_guid=2, from_guid=1, to_name="tank/a@s2", object=1, offset=0, bytes=9, raw=False, compressed=True
        )
    )

    plan = plan_of_child(dataset("vault/b", ONE), dataset("vault/b/a", ONE, root="vault/b/a", resume_token=token))

    assert plan.refusal.reason is Reason.SOURCE_PLAIN
