"""Results as tables: on a terminal, and as the document `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from benchmarks.compare import Change
from benchmarks.result import Result
from benchmarks.rows import Row


_COLUMNS = ("what", "zfspull", "beside", "", "ratio", "target", "")
_HEAD = """# Performance

Measured side by side with what one would use instead, on the same machine and data, in turn, as medians of several
rounds. A ratio above 1 is ahead of the peer, whatever the unit; where there is no peer, it is the room below a limit.
Machines differ, ratios less so. `scripts/bench` repeats all of it (`scripts/bench --help`); it writes this document
with `scripts/bench --write-docs RESULTS.json...`, the last section from `benchmarks/bounds.md`.
"""


def number(value: float) -> str:
    """A figure with three digits that count."""
    if value >= 100:  # noqa: PLR2004 - from here on all three stand before the point
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cells(row: Row) -> tuple[str, ...]:
    """One line of a table."""
    verdict = {True: "met", False: "missed", None: ""}[row.met]
    return (
        row.what,
        f"{number(row.ours)} {row.unit}".strip(),
        row.peer,
        f"{number(row.theirs)} {row.unit}".strip(),
        f"{number(row.ratio)}",
        "" if row.target is None else f"≥ {number(row.target)}",
        verdict,
    )


def table(title: str, rows: Iterable[Row]) -> Table:
    """The rows of one case for a terminal."""
    drawn = Table(*_COLUMNS, title=title, title_justify="left")
    for row in rows:
        drawn.add_row(*cells(row), style="red" if row.met is False else None)
    return drawn


def change_table(changes: Iterable[Change]) -> Table:
    """What became of each line since an older result."""
    drawn = Table("case", "what", "beside", "ratio then", "ratio now", "", title="Compared", title_justify="left")
    for change in changes:
        old, new = change.old, change.new
        verdict = "gone" if new is None else "worse" if change.worse else ""
        now = "" if new is None else number(new.ratio)
        drawn.add_row(old.case, old.what, old.peer, number(old.ratio), now, verdict, style="red" if verdict else None)
    return drawn


def document(results: Sequence[Result], cases: Mapping[str, str], bounds: str) -> str:
    """The text of `docs/performance.md`.

    Args:
        results: the newest last: of a case that several have, the last one counts.
        cases: the names of the cases, in order, with what each measures.
        bounds: what bounds each case, written by hand.
    """
    newest = {row.case: result for result in results for row in result.rows}
    parts = [_HEAD]
    for name, what in cases.items():
        if (result := newest.get(name)) is None:
            continue
        rows = [row for row in result.rows if row.case == name]
        parts.append(f"## {name}\n\n{what[0].upper()}{what[1:]}. `scripts/bench {name}`, {result.date}.\n")
        parts.append(_markdown(rows))
        parts.append(f"{_told('With', result.versions)}\n{_told('On', result.machine)}\n")
    return "\n".join([*parts, bounds.strip(), ""])


def _markdown(rows: Iterable[Row]) -> str:
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *(cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _told(word: str, facts: Mapping[str, str]) -> str:
    return f"{word} {', '.join(f'{name} {fact}' for name, fact in facts.items())}."
