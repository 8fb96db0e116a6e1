"""The books of what sources lost, on disk."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.daemon.books import BooksOnDisk, from_json, to_json
from zfspull.errors import LocalResourceError
from zfspull.plan.absence import Absence, Ledger, Record


GUIDS = st.integers(0, 2**64 - 1)
ABSENCES = st.builds(Absence, st.floats(0, 1e12), st.floats(-1e12, 1e12))
LEDGERS = st.builds(
    Ledger,
    st.dictionaries(
        GUIDS,
        st.builds(Record, st.booleans(), st.none() | ABSENCES, st.dictionaries(GUIDS, ABSENCES, max_size=3)),
        max_size=3,
    ),
)
LEDGER = Ledger({2**63 + 1: Record(True, Absence(1.5, 2.5), {7: Absence(0.0, 3.0)})})
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(ledger=LEDGERS)
def test_what_is_written_is_read(ledger):
    """Every ledger comes back as it was, guids to the last bit."""
    assert from_json(json.loads(json.dumps(to_json(ledger, "home"))), "home") == ledger


@given(data=JSON)
def test_anything_else_is_no_ledger(data):
    """Whatever stands in the file, it is a ledger or a ValueError."""
    for thing in (
        data,
        {"version": 1, "job": "home", "datasets": data},
        {"version": 1, "job": "home", "datasets": {"1": data}},
    ):
        with contextlib.suppress(ValueError):
            assert isinstance(from_json(thing, "home"), Ledger)


def test_books_outlive_the_process(tmp_path):
    """They are made when needed, one file for each job, and nothing else is left in the directory."""
    directory = tmp_path / "state" / "missing"
    BooksOnDisk(directory).save("home", LEDGER)
    BooksOnDisk(directory).save("home", LEDGER)

    assert BooksOnDisk(directory).load("home") == LEDGER
    assert BooksOnDisk(directory).load("other") == Ledger()
    assert [path.name for path in directory.iterdir()] == ["home.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"version": 2, "job": "home", "datasets": {}}',
        '{"version": 1, "job": "another", "datasets": {}}',
        '{"version": 1, "job": "home", "datasets": {"1": {"seen": true, "missing": [NaN, 0], "snapshots": {}}}}',
        '{"version": 1, "job": "home", "datasets": {"1": {"seen": true, "missing": [-1, 0], "snapshots": {}}}}',
        '{"version": 1, "job": "home", "datasets": {"1": {"seen": 1, "missing": null, "snapshots": {}}}}',
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_damaged_books_are_moved_aside_once_and_begun_anew(tmp_path, text):
    """It is said once, with what it means; the next look finds none, and the old file is there for a person."""
    (tmp_path / "home.json").write_text(text)
    books = BooksOnDisk(tmp_path)

    with pytest.raises(LocalResourceError) as damaged:
        books.load("home")

    assert damaged.value.reason == "books_damaged"
    assert "anew" in damaged.value.hint
    assert books.load("home") == Ledger()
    assert (tmp_path / "home.json.damaged").read_text() == text


def test_trouble_with_the_disk_is_an_error_with_a_hint(tmp_path):
    """A directory where the file should be, or a file where the directory should be."""
    (tmp_path / "home.json").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(LocalResourceError, match="can't be read"):
        BooksOnDisk(tmp_path).load("home")
    with pytest.raises(LocalResourceError, match="can't be written"):
        BooksOnDisk(tmp_path).save("home", LEDGER)
    with pytest.raises(LocalResourceError, match="can't be written"):
        BooksOnDisk(tmp_path / "file").save("home", LEDGER)


def test_a_failed_write_leaves_the_old_books(tmp_path, monkeypatch):
    """Until the new file is complete the old one is in its place."""
    books = BooksOnDisk(tmp_path)
    books.save("home", LEDGER)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LocalResourceError, match="No space left"):
        books.save("home", Ledger())

    assert books.load("home") == LEDGER
