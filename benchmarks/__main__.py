"""`scripts/bench`: run cases, print tables, keep results, compare them, write the document."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.cases import CASES, case
from benchmarks.compare import changes
from benchmarks.render import change_table, document, table
from benchmarks.result import Result, result
from benchmarks.rows import Row
from benchmarks.settings import Settings


_HERE = Path(__file__).parent
DOCUMENT = _HERE.parent / "docs" / "performance.md"
BOUNDS = _HERE / "bounds.md"


def main() -> int:
    """Returns 1 if a target is missed, or something has become worse than in the result compared with."""
    options = _options()
    if options.write_docs:
        results = [Result.read(path) for path in options.write_docs]
        DOCUMENT.write_text(document(results, CASES, BOUNDS.read_text()))
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    console = Console(width=None if sys.stdout.isatty() else 120)
    measured = _run(options.names or list(CASES), options, console)
    if options.json:
        measured.write(options.json)
    missed = any(row.met is False for row in measured.rows)
    if options.compare is None:
        return int(missed)
    found = changes(Result.read(options.compare).rows, measured.rows)
    console.print(change_table(found))
    return int(missed or any(change.worse for change in found))


def _run(names: Sequence[str], options: argparse.Namespace, console: Console) -> Result:
    rows: list[Row] = []
    versions: dict[str, str] = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="zfspull-bench-") as directory:
            outcome = case(name)(Settings(directory=Path(directory), rounds=options.rounds, scale=options.scale))
        console.print(table(f"{name}: {CASES[name]}", outcome.rows))
        rows += outcome.rows
        versions |= outcome.versions
    return result(rows, versions)


def _options() -> argparse.Namespace:
    cases = "\n".join(f"  {name:12}{what}" for name, what in CASES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures zfspull beside what one would use instead.",
        epilog=f"cases:\n{cases}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a case; all of them without")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant runs (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="sizes times this, for a quick look (1.0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result here")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="show what has become worse since")
    parser.add_argument(
        "--write-docs", type=Path, nargs="+", metavar="RESULT.json", help="write docs/performance.md, and run nothing"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
