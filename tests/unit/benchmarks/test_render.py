"""Results as tables and as the document."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks.cases import CASES
from benchmarks.compare import changes
from benchmarks.render import change_table, document, number, table
from benchmarks.result import Result
from benchmarks.rows import Row


def row(case="bytes", **overrides):
    values = {"what": "one stream", "unit": "MiB/s", "better": "higher", "ours": 150.0, "peer": "OpenSSH"}
    return Row(case=case, **(values | {"theirs": 200.0, "target": 1.0} | overrides))


def text(renderable):
    console = Console(width=120, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"), [(1234.5, "1,234"), (99.94, "99.9"), (0.01234, "0.0123"), (4.0, "4"), (float("inf"), "inf")]
)
def test_number(value, shown):
    """Three digits tell enough."""
    assert number(value) == shown


def test_table():
    """A line tells both figures, the ratio, the target and the verdict."""
    shown = text(table("bytes", [row()]))

    for word in ("one stream", "150 MiB/s", "OpenSSH", "200 MiB/s", "0.75", "≥ 1", "missed"):
        assert word in shown


def test_change_table():
    """What has become worse is marked."""
    shown = text(change_table(changes([row(ours=200.0)], [row(ours=150.0)])))

    assert "worse" in shown


def test_document():
    """The document has the cases in their order, each from the last result that has it, and the words by hand."""
    results = [
        Result(date=f"2026-11-0{day}", versions={"zfspull": f"{day}.0"}, machine={"processors": "2"}, rows=tuple(rows))
        for day, rows in enumerate([[row("planning", what="old")], [row("planning", what="new"), row()]], 1)
    ]

    written = document(results, CASES, "## What bounds each case\n\nThe speed of light.\n")

    assert written.index("## bytes") < written.index("| new |") < written.index("The speed of light.\n")
    assert "| old |" not in written
    assert "2026-11-02" in written
    assert "zfspull 2.0" in written
    assert "\n\n\n" not in written
