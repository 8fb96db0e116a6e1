import re

import pytest

from tests.unit.markdown import ROOT, rows, sections
from zfspull.plan.cursors import CursorKind
from zfspull.plan.grants import (
    DEFAULT_VERBS,
    ON_TARGET,
    Verb,
    cursor_for,
    job_needs,
    source_permissions,
    target_permissions,
)


HOW_TO = (ROOT / "docs/how-to/set-up.md").read_text()


@pytest.mark.parametrize(
    ("verbs", "expected"),
    [
        ((), ("send", "hold")),
        (DEFAULT_VERBS, ("send", "snapshot", "hold", "release")),
        ((Verb.PRUNE,), ("send", "hold", "destroy", "mount")),
        (tuple(Verb), ("send", "snapshot", "hold", "release", "bookmark", "destroy", "mount")),
    ],
)
def test_permissions_follow_from_verbs(verbs, expected):
    """Each verb brings its permissions, none twice; nothing that destroys comes without being asked for."""
    assert source_permissions(verbs) == expected


def test_the_how_to_grants_the_same_on_the_source():
    """What the documents grant is what `setup` grants when it is told nothing."""
    granted = re.search(r"zfs allow -u zfspull (\S+) tank/home", HOW_TO)[1].split(",")

    assert set(granted) == set(source_permissions(DEFAULT_VERBS))


def test_the_how_to_grants_the_same_on_the_target():
    """The line and the table of the how-to are those of the code."""
    granted = re.search(r"zfs allow -u zfspull (\S+) backup/gw", HOW_TO)[1].split(",")
    told = rows(sections(HOW_TO, 2)["Least privilege on the backup box"])

    assert tuple(granted) == target_permissions(["readonly", "canmount", "mountpoint"])
    assert [[cell.strip("`") for cell in row[:1]] + row[1:] for row in told] == [
        [grant.permission, grant.why] for grant in ON_TARGET
    ]


def test_properties_that_are_set_need_their_permission():
    """What `target` sets besides is granted too, once; user properties have one permission for all."""
    assert target_permissions(["readonly", "compression", "com.example:x"])[-1:] == ("compression",)
    assert target_permissions(["readonly"]).count("readonly") == 1


@pytest.mark.parametrize(
    ("cursor", "required", "wanted"),
    [
        (CursorKind.HOLD, (Verb.HOLD,), ()),
        (CursorKind.BOOKMARK, (Verb.BOOKMARK,), ()),
        (CursorKind.NONE, (), ()),
        (CursorKind.AUTO, (), (Verb.HOLD, Verb.BOOKMARK)),
    ],
)
def test_what_a_job_needs(cursor, required, wanted):
    """A cursor that is named is needed, `auto` takes what it gets; taking and pruning add their own."""
    needs = job_needs(take=True, cursor=cursor, prunes=True)

    assert set(needs.required) == {Verb.SNAPSHOT, Verb.PRUNE, *required}
    assert needs.wanted == wanted


def test_the_cursor_of_a_new_job_fits_its_verbs():
    """A job is never written with a cursor that it may not make."""
    for verbs in ((), (Verb.SNAPSHOT,), (Verb.BOOKMARK,), DEFAULT_VERBS, tuple(Verb)):
        needs = job_needs(take=False, cursor=cursor_for(verbs), prunes=False)
        assert set(needs.required) <= set(verbs)
