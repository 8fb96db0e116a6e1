"""What the next run of a job would do, as tables. Pure: from the documented JSON shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zfspull.cli.render_prune import missing_line
from zfspull.cli.text import UNKNOWN, counted, moment, safe, size


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType
    from rich.table import Table

_MOST_NAMES = 10
"""Snapshots listed per dataset before `and N more`; `zfspull prune JOB --dry-run` lists all."""

_REMEDIES = {"rollback": "roll the replica back", "rename_aside": "rename aside", "rename": "rename the replica"}


def plan_view(shape: Mapping[str, Any], zone: tzinfo) -> RenderableType:
    """The plan of one job: datasets with steps and sizes, refusals, what pruning would destroy, totals."""
    from rich.console import Group
    from rich.text import Text

    title = Text(f"{safe(shape['job'])}: ", style="bold")
    if shape["error"]:
        return title.append(Text(_error(shape["error"]), style="red"))
    title.append(safe(f"{shape['host']}:{shape['source']} -> {shape['target']}"))
    parts: list[RenderableType] = [title, _steps_table(shape)]
    parts += [Text(text, style="yellow") for text in _refusals(shape)]
    parts += [Text(text) for text in _remarks(shape)]
    parts += [Text(text) for text in _prunes(shape, zone)]
    return Group(*parts, Text(totals(shape["totals"]), style="bold"))


def totals(figures: Mapping[str, Any]) -> str:
    """One line: how much there is to do."""
    amount = size(figures["bytes"])
    if figures["unknown_sizes"]:
        amount += f" and {counted(figures['unknown_sizes'], 'step')} of unknown size"
    parts = [f"{counted(figures['steps'], 'step')} ({amount})" if figures["steps"] else "nothing to send"]
    parts.append(f"{figures['up_to_date']} up to date")
    parts += [f"{figures['refused']} refused"] if figures["refused"] else []
    parts += [f"{counted(figures['destroy'], 'snapshot')} to prune"] if figures["destroy"] else []
    there = figures["source_destroy"]
    parts += [f"{counted(there, 'snapshot')} to prune on the source"] if there else []
    return f"{counted(figures['datasets'], 'dataset')}: {', '.join(parts)}"


def _steps_table(shape: Mapping[str, Any]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("DATASET", overflow="fold")
    table.add_column("TO DO", overflow="fold")
    table.add_column("SIZE", justify="right", no_wrap=True)
    for dataset in shape["datasets"]:
        for first, (todo, amount, style) in enumerate(_rows(dataset)):
            table.add_row(Text(safe(dataset["source"]) if not first else ""), Text(safe(todo), style=style), amount)
    return table


def _rows(dataset: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    match dataset["state"]:
        case "refused":
            yield f"refused ({dataset['refusal']['reason']})", UNKNOWN, "yellow"
        case "up_to_date":
            yield f"up to date at @{dataset['wanted']}", "", "green"
        case "nothing_wanted":
            yield "no snapshot that the job wants", "", "dim"
    if remedy := dataset["remedy"]:
        yield f"{_REMEDIES[remedy['kind']]} ({remedy['reason']})", "", "yellow"
    for step in dataset["steps"]:
        start = f"{step['from']} -> " if step["from"] else ""
        yield f"{step['kind']} {start}{step['to']}{' (raw)' if step['raw'] else ''}", size(step["bytes"]), ""


def _refusals(shape: Mapping[str, Any]) -> Iterator[str]:
    for dataset in shape["datasets"]:
        if refusal := dataset["refusal"]:
            where = safe(f"{dataset['source']} -> {dataset['target']}")
            yield (
                f"refused: {where} ({safe(refusal['reason'])})\n  {safe(refusal['evidence'])}\n"
                f"  hint: {safe(refusal['hint'])}"
            )


def _remarks(shape: Mapping[str, Any]) -> Iterator[str]:
    for dataset in shape["datasets"]:
        if remedy := dataset["remedy"]:
            yield _remedy(remedy)
        if dataset["discard"]:
            yield f"{safe(dataset['target'])}: the interrupted receive would be given up: {safe(dataset['discard'])}"
    for name in shape["placeholders"]:
        yield f"{safe(name)}: would be created, empty, to hold what lies below it"
    gone = {fate["dataset"]: fate for fate in shape["missing_datasets"]}
    for name in (f"{shape['target']}/{path}" for path in shape["missing"]):
        yield missing_line(gone[name]) if name in gone else f"{safe(name)}: no longer on the source; it stays here"


def _remedy(remedy: Mapping[str, Any]) -> str:
    name, to = safe(remedy["dataset"]), safe(remedy["to"])
    if remedy["kind"] != "rollback":
        return f"{name}: would be renamed to {to}, with all below it"
    lost = ", ".join(f"@{safe(snapshot)}" for snapshot in remedy["destroys"])
    return f"{name}: would be rolled back to @{to}" + (f", which destroys {lost}" if lost else "")


def _prunes(shape: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    for where, prune in (
        *(("", prune) for prune in shape["prune"]),
        *((" on the source", prune) for prune in shape["source_prune"]),
    ):
        going = prune["destroy"]
        if not going:
            continue
        of_all = len(going) + len(prune["keep"])
        why = "snapshots, for it is missing on the source" if prune["whole"] else "snapshots that no keep rule holds"
        yield f"prune {safe(prune['dataset'])}{where}: {len(going)} of {of_all} {why}:"
        for snapshot in going[:_MOST_NAMES]:
            yield f"  @{safe(snapshot['name'])}  {moment(snapshot['created_at'], zone)}"
        if len(going) > _MOST_NAMES:
            yield f"  and {len(going) - _MOST_NAMES} more"


def _error(error: Mapping[str, Any]) -> str:
    hint = f"\n  hint: {safe(error['hint'])}" if error["hint"] else ""
    return f"{safe(error['message'])}{hint}"
