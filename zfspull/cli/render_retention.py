"""What retention keeps, as a calendar and a table. Pure: from the documented JSON shape."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from zfspull.cli.render_prune import NO_RULE
from zfspull.cli.text import counted, moment, safe


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_MOST_KEPT = 500
_MOST_GONE = 20
"""Rows of the table before `and N more`; `--json` has all."""

_DAYS_BY_WEEK = 12 * 7
"""Up to so many days there is a row for each week, with figures for each day; beyond one for each month, with marks."""
_DAYS_OF_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_OF_MONTH = "".join(str(day % 10) for day in range(1, 32))
_TWO_DIGITS = 10

_GROUNDS = {
    "schedule": "the job's schedule",
    "median": "the median distance of the newest",
    "simulation": "as simulated",
}
_GOES = {
    "now": "at the next prune",
    "never": "never",
    "unforeseen": "not foreseen",
    "held": "when no guard or mirror holds it",
}


def retention_view(shape: Mapping[str, Any], zone: tzinfo) -> RenderableType:
    """All datasets of one job, each with its totals, assumptions, calendar and table."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(line) for line in _head(shape, zone)]
    for dataset in shape["datasets"]:
        parts += [Text(""), Text(_title(dataset), style="bold"), Text(totals(dataset["totals"]))]
        parts += [Text(safe(line)) for line in _assumptions(dataset["assumed"])]
        if dataset["snapshots"]:
            parts += [Text(""), *_picture(dataset["days"]), Text(""), _table(dataset["snapshots"], zone)]
            parts += [Text(line) for line in _left_out(dataset["snapshots"])]
    return Group(*parts)


def totals(figures: Mapping[str, Any]) -> str:
    """One line: how many stay and go, now and in the long run."""
    parts = [f"{figures['kept']} kept by rules"]
    parts += [f"{figures['guarded']} by guards alone"] if figures["guarded"] else []
    parts += [f"{figures['going']} go at the next prune"] if figures["going"] else []
    long_run = "" if figures["steady"] is None else f"; in the long run {figures['steady']}"
    more = ", and all that arrive for a set that keeps everything" if figures["grows"] else ""
    return f"{counted(figures['snapshots'], 'snapshot')}: {', '.join(parts)}{long_run}{more}"


def _head(shape: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    yield f"{safe(shape['job'])}: as of {moment(shape['at'], zone)}; days and times are those of {safe(shape['zone'])}"
    if shape["simulated"]:
        yield f"simulated: {safe(shape['simulated'])}; no machine was asked"
    if not shape["guards"]:
        yield "rules only: guards and a mirror are not foreseen"
    if error := shape["unreachable"]:
        yield f"the source could not be asked; until it can be, nothing goes: {safe(error['message'])}"
    if exceeded := shape["exceeded"]:
        yield f"the next prune would be refused: {safe(exceeded['message'])}"
    if not shape["datasets"]:
        yield "there is nothing on the target yet; --simulate shows what the rules would keep"


def _title(dataset: Mapping[str, Any]) -> str:
    pattern = f", snapshots that match {dataset['set']}" if dataset["set"] is not None else ""
    return safe(f"{dataset['dataset']}{pattern}")


def _assumptions(assumed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in assumed:
        of_set = f" for {one['set']}" if one["set"] is not None else ""
        if one["rhythm"] is None:
            yield f"assumed{of_set}: nothing, for there are too few snapshots; without new ones none goes later"
        else:
            yield f"assumed{of_set}: a snapshot {one['rhythm']} ({_GROUNDS[one['ground']]})"


def _picture(days: Sequence[Mapping[str, Any]]) -> list[Text]:
    from rich.text import Text

    figures = {date.fromisoformat(one["day"]): (one["kept"], one["total"]) for one in days}
    if not figures:
        return []
    if (max(figures) - min(figures)).days <= _DAYS_BY_WEEK:
        return list(_weeks(figures))
    legend = "kept of each day: 1 to 9, + for more, - for none of those there were, . where there were none"
    return [*_months(figures), Text(legend, style="dim")]


Figures = Mapping[date, tuple[int, int]]


def _weeks(figures: Figures) -> Iterator[Text]:
    from rich.text import Text

    width = max(3, *(len(f"{kept}/{total}") for kept, total in figures.values()))
    yield Text("kept of   " + "".join(f"  {day:>{width}}" for day in _DAYS_OF_WEEK), style="dim")
    monday = min(figures) - timedelta(days=min(figures).weekday())
    while monday <= max(figures):
        row = Text(f"{monday:%G-W%V}  ")
        for number in range(7):
            kept, total = figures.get(monday + timedelta(days=number), (0, 0))
            row.append(f"  {f'{kept}/{total}' if total else '.':>{width}}", style=_style(kept, total))
        yield row
        monday += timedelta(days=7)


def _months(figures: Figures) -> Iterator[Text]:
    from rich.text import Text

    yield Text(f"         {_DAYS_OF_MONTH}", style="dim")
    for year, month in _months_between(min(figures), max(figures)):
        length = calendar.monthrange(year, month)[1]
        days = [figures.get(date(year, month, day), (0, 0)) for day in range(1, length + 1)]
        row = Text(f"{year:04}-{month:02}  ")
        for kept, total in days:
            row.append(_mark(kept, total), style=_style(kept, total))
        row.append(" " * (len(_DAYS_OF_MONTH) - length))
        yield row.append(f"  {sum(kept for kept, _ in days)} of {sum(total for _, total in days)}")


def _months_between(first: date, last: date) -> Iterator[tuple[int, int]]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield number // 12, number % 12 + 1


def _mark(kept: int, total: int) -> str:
    if not total:
        return "."
    return "-" if not kept else str(kept) if kept < _TWO_DIGITS else "+"


def _style(kept: int, total: int) -> str:
    if not total:
        return "dim"
    return "red" if not kept else "green" if kept == total else "yellow"


def _table(snapshots: Sequence[Mapping[str, Any]], zone: tzinfo) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("SNAPSHOT", "CREATED", "FATE", "WHY", "GOES"):
        table.add_column(title, overflow="fold")
    styles = {"keep": "green", "guarded": "yellow", "go": "red"}
    for snapshot in _shown(snapshots):
        fate = snapshot["fate"]
        name = safe(snapshot["name"]) if snapshot["guid"] is not None else "(assumed)"
        why = ", ".join(snapshot["reasons"]) or NO_RULE
        table.add_row(
            Text(name),
            moment(snapshot["created_at"], zone),
            Text(fate, style=styles[fate]),
            Text(safe(why)),
            _goes(snapshot, zone),
        )
    return table


def _goes(snapshot: Mapping[str, Any], zone: tzinfo) -> str:
    if snapshot["goes"] == "at":
        return moment(snapshot["goes_at"], zone)
    if snapshot["goes"] == "held" and snapshot["goes_at"] is not None:
        return f"{moment(snapshot['goes_at'], zone)}, unless held"
    return _GOES[snapshot["goes"]]


def _shown(snapshots: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The newest of those that stay and of those that go, oldest first."""
    over = _over(snapshots)
    for snapshot in snapshots:
        goes = snapshot["fate"] == "go"
        if over[goes] <= 0:
            yield snapshot
        over[goes] -= 1


def _over(snapshots: Sequence[Mapping[str, Any]]) -> dict[bool, int]:
    """How many more there are than are shown, of those that go (True) and those that stay; negative for fewer."""
    going = sum(snapshot["fate"] == "go" for snapshot in snapshots)
    return {True: going - _MOST_GONE, False: len(snapshots) - going - _MOST_KEPT}


def _left_out(snapshots: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    over = _over(snapshots)
    older = [(over[False], "stay"), (over[True], "go")]
    if said := [f"{number} older that {fate}" for number, fate in older if number > 0]:
        yield f"and {', '.join(said)}; --json has all"
