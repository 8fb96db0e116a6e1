"""Comparing two results."""

from __future__ import annotations

import pytest

from benchmarks.compare import changes
from benchmarks.rows import Row


def row(ours, *, target=None, case="bytes", what="one stream"):
    return Row(case=case, what=what, unit="s", better="lower", ours=ours, peer="syncoid", theirs=100.0, target=target)


@pytest.mark.parametrize(
    ("old", "new", "worse"),
    [
        (row(10), row(11), False),
        (row(10), row(12), True),
        (row(10), row(5), False),
        (row(98, target=1.0), row(102, target=1.0), True),
        (row(102, target=1.0), row(103, target=1.0), False),
    ],
)
def test_worse(old, new, worse):
    """Worse is a ratio that fell by more than chance, or a target that is missed now."""
    assert [change.worse for change in changes([old], [new])] == [worse]


def test_lines_that_are_gone():
    """A line that the new result lacks is told, of a case that it has; cases that were not run are left out."""
    old = [row(1), row(1, what="two streams"), row(1, case="planning")]

    assert [(change.old.what, change.new is None) for change in changes(old, [row(1)])] == [
        ("one stream", False),
        ("two streams", True),
    ]
