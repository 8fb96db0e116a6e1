import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.zfs.delegation import missing, parse_delegation


PRINTED = """\
---- Permissions on tank/with space ----------------------------------
Permission sets:
\t@pull send,hold,@more
\t@more release
Local permissions:
\tuser zfspull snapshot
Descendent permissions:
\tuser zfspull bookmark
Local+Descendent permissions:
\tuser zfspull @pull
\tgroup backup group destroy
\teveryone userprop
---- Permissions on tank ---------------------------------------------
Descendent permissions:
\tuser zfspull mount
Local permissions:
\tuser zfspull create
Create time permissions:
\trename
"""
DATASET = "tank/with space"


def test_what_holds_on_a_dataset():
    """What is granted there, and above for what lies below; sets are taken apart, also nested ones."""
    held = parse_delegation(PRINTED).held(DATASET, "zfspull", recursive=False)

    assert held == {"snapshot", "send", "hold", "release", "userprop", "mount"}


def test_what_holds_for_a_tree():
    """For a tree a permission must hold there and below: one that is only local or only descendent does not."""
    held = parse_delegation(PRINTED).held(DATASET, "zfspull", recursive=True)

    assert held == {"send", "hold", "release", "userprop", "mount"}


def test_other_people_have_only_what_everyone_has():
    """Another user has nothing of it, unless it is in the group."""
    delegation = parse_delegation(PRINTED)

    assert delegation.held(DATASET, "zfs", recursive=True) == {"userprop"}
    assert delegation.held(DATASET, "zfs", ["backup group"], recursive=True) == {"userprop", "destroy"}
    assert delegation.groups(DATASET, "destroy") == ("backup group",)
    assert delegation.groups("tank", "destroy") == ()


def test_another_dataset_has_nothing_of_it():
    """A neighbour whose name begins alike is not below."""
    assert parse_delegation(PRINTED).held("tank/with space2", "zfspull", recursive=True) == {"mount"}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"send", "hold"}, ()),
        ({"send:raw", "hold"}, ()),
        ({"send:encrypted", "hold"}, ()),
        ({"hold"}, ("send",)),
        (set(), ("send", "hold")),
    ],
)
def test_weaker_permissions_are_enough(held, expected):
    """All that is sent is raw, so `send:raw` of OpenZFS 2.4 is as good as `send`."""
    assert missing(["send", "hold"], frozenset(held)) == expected


@given(st.text(alphabet="-\t ,@:\nPermissions on tankuserLocal", max_size=300))
def test_any_text_is_read(text):
    """Text that is none of it grants what it grants and never breaks the reading."""
    parse_delegation(text).held("tank", "user", recursive=True)
