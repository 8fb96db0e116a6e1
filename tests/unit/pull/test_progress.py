"""What counts as progress of a replica, so that a flaky line goes on and a vain one ends."""

import pytest

from zfspull.pull.progress import Progress
from zfspull.zfs.model import Dataset, Kind, Snapshot
from zfspull.zfs.token import ResumeToken, encode


SCRAP = "1-scrap"


def replica(*txgs, to=None, at=(1, 0), token=None):
    """A target dataset with these snapshots, and the beginning of the snapshot `to`."""
    if to is not None:
        token = encode(
            ResumeToken(to_guid=to, from_guid=None, to_name="tank@s", object=at[0], offset=at[1], bytes=at[1])
        )
    snapshots = tuple(Snapshot(name=f"s{txg}", guid=txg, createtxg=txg, creation=txg) for txg in txgs)
    return Dataset(name="v", kind=Kind.FILESYSTEM, guid=1, snapshots=snapshots, resume_token=token)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([None, None], [False, False]),
        ([replica(1), replica(1)], [False, False]),
        ([replica(1), replica(1, 2), replica(1, 2)], [False, True, False]),
        ([replica(1, 2), replica(1), replica(1, 2)], [False, False, False]),
        ([None, replica(to=9, at=(1, 500)), replica(to=9, at=(1, 900))], [False, True, True]),
        ([replica(to=9, at=(1, 500)), replica(to=9, at=(2, 0)), replica(to=9, at=(2, 0))], [False, True, False]),
        # Thrown away and sent anew: only what gets beyond the first attempt is something new.
        ([replica(to=9, at=(1, 500)), None, replica(to=9, at=(1, 500))], [False, False, False]),
        ([replica(to=9, at=(1, 500)), None, replica(to=9, at=(1, 501))], [False, False, True]),
        ([replica(to=7), replica(to=8), replica(to=9, at=(9, 9))], [False, False, False]),
        ([replica(to=7, at=(5, 5)), replica(to=8, at=(1, 0)), replica(to=8, at=(1, 1))], [False, False, True]),
        ([replica(1, token=SCRAP), replica(1, token=SCRAP[:-1])], [False, False]),
    ],
)  # fmt: skip
def test_p5_only_what_was_never_there_before_is_progress(looks, expected):
    """A newer snapshot, or the beginning of one that got further than ever; nothing that was only lost and sent again."""
    progress = Progress()

    assert [progress.look(target) for target in looks] == expected


def test_to_throw_away_twice_is_in_vain_unless_something_arrives_in_between():
    """The second time ends it; a whole snapshot between the two, sent or seen, starts the count anew."""
    progress = Progress()
    progress.look(replica(1))

    first, second = progress.discards_in_vain(), progress.discards_in_vain()
    progress.arrived()
    third = progress.discards_in_vain()
    progress.look(replica(1, 2))
    fourth, fifth = progress.discards_in_vain(), progress.discards_in_vain()

    assert (first, second, third, fourth, fifth) == (False, True, False, False, True)
