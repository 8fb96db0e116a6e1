from datetime import UTC

from zfspull.cli.render_prune import prune_table, reasons_summary
from zfspull.cli.terminal import as_text


PRUNE = {
    "dataset": "b/[red]h\x1b",
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
