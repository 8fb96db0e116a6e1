"""What runs have listed, on disk: it comes back as it was, and whatever else stands there is as good as nothing."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.daemon import memory_file
from zfspull.daemon.memory_file import MemoryOnDisk, from_json, to_json
from zfspull.plan.known import Knowledge, Known
from zfspull.pull.remembered import ProcessMemory, Remembered
from zfspull.zfs.model import Bookmark, Snapshot


class Clock:
    def __init__(self, *, wall=1_700_000_000.0, monotonic=100.0):
        self.wall, self.mono = wall, monotonic

    def now(self):
        return self.wall

    def monotonic(self):
        return self.mono


SHOT = Snapshot(name="a b", guid=2**64 - 1, createtxg=5, creation=9, ivsetguid=None, holds=1, clones=("tank/x",))
MARK = Bookmark(name="m", guid=3, createtxg=5, creation=9, ivsetguid=8)
KNOWN = Known(
    guid=7,
    origin="tank/o@x",
    changed=1000,
    seen_at=90.0,
    listed=True,
    settled=True,
    snapshots=(SHOT,),
    bookmarks=(MARK,),
)
SIDE = Knowledge("tank/a", True, 1_699_999_000.0, {"tank/a": KNOWN, "tank/a/b": Known(guid=1, seen_at=1.0)})
REMEMBERED = Remembered(SIDE, Knowledge())
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def test_what_is_written_is_read_by_the_next_process(tmp_path):
    """Everything comes back, and moments are as long ago as they were, though the monotonic clock began anew."""
    MemoryOnDisk(tmp_path / "known", Clock()).keep("home", REMEMBERED)

    later = MemoryOnDisk(tmp_path / "known", Clock(wall=1_700_000_030.0, monotonic=5.0)).recall("home")

    assert later.target == REMEMBERED.target
    assert later.source.datasets["tank/a"].seen_at == pytest.approx(5.0 - 40.0)
    assert [shots.snapshots for shots in later.source.datasets.values()] == [(SHOT,), ()]
    assert later.source.datasets["tank/a"].bookmarks == (MARK,)
    assert [path.name for path in (tmp_path / "known").iterdir()] == ["home.json"]


def test_clock_that_was_set_back_makes_nothing_older(tmp_path):
    """What was seen in the future was seen just now."""
    MemoryOnDisk(tmp_path, Clock()).keep("home", REMEMBERED)

    found = MemoryOnDisk(tmp_path, Clock(wall=1_600_000_000.0, monotonic=5.0)).recall("home")

    assert found.source.datasets["tank/a"].seen_at == 5.0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 1}', '{"version": 2, "job": "home"}', "[" * 100_000]
)
def test_file_that_can_not_be_used_is_none(tmp_path, text):
    """A damaged file fails nothing, and is written anew."""
    (tmp_path / "home.json").write_text(text)
    memory = MemoryOnDisk(tmp_path, Clock())

    assert memory.recall("home") == Remembered()
    memory.keep("home", REMEMBERED)
    assert MemoryOnDisk(tmp_path, Clock()).recall("home").points == 2


def test_file_of_another_job_or_too_large_is_none(tmp_path, monkeypatch):
    """A renamed file is not believed, and one beyond all measure not read."""
    MemoryOnDisk(tmp_path, Clock()).keep("home", REMEMBERED)
    (tmp_path / "other.json").write_bytes((tmp_path / "home.json").read_bytes())
    assert MemoryOnDisk(tmp_path, Clock()).recall("other") == Remembered()

    monkeypatch.setattr(memory_file, "MAX_FILE_BYTES", 10)
    assert MemoryOnDisk(tmp_path, Clock()).recall("home") == Remembered()


def test_job_with_too_many_snapshots_is_kept_in_the_process_only(tmp_path, monkeypatch):
    """A large file would cost as much as the listing that it spares; the old one goes."""
    memory = MemoryOnDisk(tmp_path, Clock())
    memory.keep("home", REMEMBERED)
    monkeypatch.setattr(memory_file, "MAX_KEPT_POINTS", 1)
    memory.keep("home", REMEMBERED)

    assert memory.recall("home") == REMEMBERED
    assert not list(tmp_path.iterdir())


def test_directory_that_can_not_be_written_fails_nothing(tmp_path):
    """Then it is remembered as long as the process lasts."""
    (tmp_path / "file").touch()
    memory = MemoryOnDisk(tmp_path / "file", Clock())
    memory.keep("home", REMEMBERED)

    assert memory.recall("home") == REMEMBERED


@given(data=JSON)
def test_anything_else_is_refused(data):
    """Whatever stands in a file, it is something remembered or a ValueError."""
    good = to_json(REMEMBERED, "home", float)
    for thing in (
        data,
        good | {"source": data},
        good | {"source": good["source"] | {"datasets": data}},
        good | {"source": good["source"] | {"datasets": {"tank/a": data}}},
        good | {"source": good["source"] | {"full_at": data}},
    ):
        with contextlib.suppress(ValueError):
            assert isinstance(from_json(json.loads(json.dumps(thing)), "home", float), Remembered)


def test_process_remembers_no_more_than_it_may():
    """The job that ran longest ago is forgotten first, and one that is too large is not remembered at all."""
    memory = ProcessMemory(max_points=5)
    for job in ("one", "two", "one", "three"):
        memory.keep(job, REMEMBERED)

    assert [memory.recall(job).points for job in ("one", "two", "three")] == [2, 0, 2]
    memory.keep("one", Remembered(SIDE, Knowledge("x", True, 0.0, {"x": Known(guid=1, snapshots=(SHOT,) * 9)})))
    assert memory.recall("one") == Remembered()
