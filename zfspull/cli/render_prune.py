"""Which snapshots would go and which stay, and why, as a table. Pure: from the documented JSON shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zfspull.cli.text import moment, safe


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType

NO_RULE = "no keep rule holds it"


def prune_table(prunes: Sequence[Mapping[str, Any]], zone: tzinfo) -> RenderableType:
    """One row per snapshot: what becomes of it, and why; datasets that lose and keep nothing are left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("SNAPSHOT", "CREATED", "FATE", "WHY"):
        table.add_column(title, overflow="fold")
    for prune in prunes:
        for snapshot, fate, why, style in _fates(prune):
            name = f"{safe(prune['dataset'])}@{safe(snapshot['name'])}"
            table.add_row(Text(name), moment(snapshot["created_at"], zone), Text(fate, style=style), Text(safe(why)))
    return table


def reasons_summary(prune: Mapping[str, Any]) -> str:
    """`daily 30, hourly 48, guard: base 1`: how many snapshots each rule and guard holds."""
    names = Counter(rule_name(reason) for kept in prune["keep"] for reason in kept["reasons"])
    return ", ".join(f"{safe(name)} {count}" for name, count in names.most_common())


def rule_name(reason: str) -> str:
    """The rule of a reason: `daily` of `daily 2026-11-20`; a guard, which has no further figures, as it is."""
    return reason if reason.startswith("guard: ") else reason.split(" ", 1)[0]


def _fates(prune: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str, str, str]]:
    gone = [(snapshot, "destroy", NO_RULE, "red") for snapshot in prune["destroy"]]
    kept = [(snapshot, "keep", ", ".join(snapshot["reasons"]), "green") for snapshot in prune["keep"]]
    return sorted(gone + kept, key=lambda fate: fate[0]["created_at"])
