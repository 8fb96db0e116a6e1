from datetime import UTC

import pytest

from zfspull.cli.render_prune import freed_line, prune_table, reasons_summary, rule_name
from zfspull.cli.terminal import as_text


PRUNE = {
    "dataset": "b/[red]h\x1b",
    "whole": False,
    "destroy": [{"name": "b", "guid": "2", "created_at": 86400}],
    "keep": [
        {"name": "a", "guid": "1", "created_at": 0, "reasons": ["monthly 1970-01", "last 2/2"]},
        {"name": "c", "guid": "3", "created_at": 2 * 86400, "reasons": ["last 1/2", "guard: base", "guard: newest"]},
    ],
}


def test_every_snapshot_has_its_fate_and_the_reason():
    """Oldest first, each with what becomes of it and every rule and guard that holds it."""
    shown = [line.split(maxsplit=4) for line in as_text(prune_table([PRUNE], UTC), 200).splitlines()]

    assert shown == [
        ["SNAPSHOT", "CREATED", "FATE", "WHY"],
        ["b/[red]h\\x1b@a", "1970-01-01", "00:00:00", "keep", "monthly 1970-01, last 2/2"],
        ["b/[red]h\\x1b@b", "1970-01-02", "00:00:00", "destroy", "no keep rule holds it"],
        ["b/[red]h\\x1b@c", "1970-01-03", "00:00:00", "keep", "last 1/2, guard: base, guard: newest"],
    ]


def test_the_summary_counts_by_rule():
    """How many snapshots each rule and each guard holds, the busiest first."""
    assert reasons_summary(PRUNE) == "last 2, monthly 1, guard: base 1, guard: newest 1"


def freeing(*sizes, total=None):
    return {
        "freed_bytes": total,
        "datasets": [{"dataset": f"b/{number}", "freed_bytes": size} for number, size in enumerate(sizes)],
    }


def test_what_would_be_free_is_told_in_one_line():
    """The sum and the datasets that give most; a sum that is not complete says so, and nothing known is no line."""
    assert freed_line(freeing(2**30, 2**31, total=3 * 2**30)) == "it would free 3.0 GiB: 2.0 GiB of b/1, 1.0 GiB of b/0"
    assert freed_line(freeing(2**30, None)) == "it would free at least 1.0 GiB: 1.0 GiB of b/0"
    assert freed_line(freeing(*[2**20] * 7, total=7 * 2**20)).endswith(", and 2 more")
    assert freed_line(freeing(None)) == freed_line(freeing()) == ""


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("daily 2026-11-20", "daily"),
        ("last 2/3 of ^auto", "last"),
        ("not_matching ^a or ^b", "not_matching"),
        ("guard: newer than base", "guard: newer than base"),
        ("no rule set", "no rule set"),
        ("created in the future", "created in the future"),
        ("all of ^manual", "all of ^manual"),
    ],
)
def test_what_is_no_rule_is_counted_as_it_is(reason, name):
    """Only rules have figures that are left out of the sums."""
    assert rule_name(reason) == name
