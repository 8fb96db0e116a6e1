"""Which snapshots would go and which stay, and why, as a table. Pure: from the documented JSON shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zfspull.cli.text import duration, moment, safe, size
from zfspull.plan.periods import PERIODS


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType

_SHOWN = 5
NO_RULE = "no keep rule holds it"
WHOLE = "its dataset goes: missing on the source"
_RULES = frozenset({"last", "matching", "not_matching", "within", *PERIODS})


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


def freed_line(report: Mapping[str, Any]) -> str:
    """What would be free after it, in all and of the datasets with the most; "" if nothing is known of that."""
    known = [(prune["freed_bytes"], prune["dataset"]) for prune in report["datasets"] if prune.get("freed_bytes")]
    if not known:
        return ""
    most = ", ".join(f"{size(freed)} of {safe(dataset)}" for freed, dataset in sorted(known, reverse=True)[:_SHOWN])
    more = f", and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    at_least = "at least " if report["freed_bytes"] is None else ""
    return f"it would free {at_least}{size(sum(freed for freed, _ in known))}: {most}{more}"


def reasons_summary(prune: Mapping[str, Any]) -> str:
    """`daily 30, hourly 48, guard: base 1`: how many snapshots each rule and guard holds."""
    names = Counter(rule_name(reason) for kept in prune["keep"] for reason in kept["reasons"])
    return ", ".join(f"{safe(name)} {count}" for name, count in names.most_common())


def missing_line(fate: Mapping[str, Any]) -> str:
    """For how long a dataset has been missing on the source, and what becomes of it."""
    age = f"{safe(fate['dataset'])}: missing on the source for {duration(fate['missing_seconds'])}"
    if fate["obstacles"]:
        return f"{age}; it stays: {safe(', '.join(fate['obstacles']))}"
    match fate["action"]:
        case "destroy":
            return f"{age}; it would be destroyed with all of its snapshots"
        case "rename_aside":
            return f"{age}; it would be renamed {'to ' + safe(fate['to']) if fate['to'] else 'with what lies above it'}"
    return f"{age}; it stays"


def rule_name(reason: str) -> str:
    """The rule of a reason: `daily` of `daily 2026-11-20`; a guard as it is; no length of time."""
    rule = reason.split(" ", 1)[0]
    return rule if rule in _RULES else reason.split(" for ", 1)[0]


def _fates(prune: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str, str, str]]:
    why = WHOLE if prune["whole"] else NO_RULE
    gone = [(snapshot, "destroy", why, "red") for snapshot in prune["destroy"]]
    kept = [(snapshot, "keep", ", ".join(snapshot["reasons"]), "green") for snapshot in prune["keep"]]
    return sorted(gone + kept, key=lambda fate: fate[0]["created_at"])
