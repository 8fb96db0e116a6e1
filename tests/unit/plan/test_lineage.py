"""P7: which encrypted replicas of a plain source can't go on, and how what is plain is sent below an encrypted one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


PLAIN = dataset("vault/b", ONE)
RAW = dataset("vault/b", ONE, root="vault/b", loaded=False)
OURS = dataset("vault/b", ONE, root="vault")
NOTHING = None


@pytest.mark.parametrize(
    ("top", "replica", "above", "stays_plain", "embedded"),
    [
        # by what the top is on the source, its replica here, and what lies above that if it is not there
        (dataset("tank", ONE), PLAIN, NOTHING, False, True),
        (dataset("tank", ONE), OURS, NOTHING, False, False),
        (dataset("tank", ONE), NOTHING, dataset("vault"), False, True),
        (dataset("tank", ONE), NOTHING, dataset("vault", root="vault"), False, False),
        (dataset("tank", ONE, root="tank"), RAW, NOTHING, True, True),
        (dataset("tank", ONE, root="tank"), NOTHING, dataset("vault", root="vault"), True, True),
        # no snapshot of it is wanted: what is there, or what lies above, decides
        (dataset("tank"), dataset("vault/b", root="vault"), NOTHING, False, False),
        (dataset("tank"), NOTHING, dataset("vault", root="vault"), False, False),
    ],
)
def test_p7_what_a_plain_dataset_inherits(top, replica, above, stays_plain, embedded):
    """Below a raw replica it stays plain; below a key of ours it is encrypted, and sent without embedded blocks."""
    source = Tree(root="tank", datasets={"": top, "a": dataset("tank/a", ONE, TWO)})
    target = Tree(root="vault/b", datasets={"": replica} if replica else {}, above=above)

    plan = plan_tree(source, target, Policy()).datasets[1]

    assert [(step.stay_plain, step.embedded) for step in plan.steps] == [
        (stays_plain, embedded), (False, embedded),
    ]  # fmt: skip


@given(
    encrypted=st.booleans(),
    replica=st.sampled_from([NOTHING, PLAIN, RAW, OURS, dataset("vault/b", root="vault")]),
    above=st.sampled_from([NOTHING, dataset("vault"), dataset("vault", root="vault")]),
    loaded=st.booleans(),
)
def test_p7_an_encrypted_dataset_is_only_ever_sent_raw(encrypted, replica, above, loaded):
    """Whatever lies here: without `-w` nothing is sent that is encrypted on the source."""
    one = dataset("tank", ONE, TWO, root="tank" if encrypted else None, loaded=loaded)
    target = Tree(root="vault/b", datasets={"": replica} if replica else {}, above=above)

    for step in plan_tree(Tree(root="tank", datasets={"": one}), target, Policy()).steps:
        assert step.raw is encrypted
        assert step.embedded or not encrypted
        assert not (step.stay_plain and encrypted)
