"""A result: when, where and with which versions the rows were measured; as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rows import Row
from zfspull import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one call of `scripts/bench` measured.

    Attributes:
        date: of the day, ISO 8601, UTC.
        versions: of what took part, by name.
        machine: what it ran on, by what is told.
        rows: the figures.
    """

    date: str
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    rows: tuple[Row, ...]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        values = {
            "date": self.date,
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "rows": [row.to_json() for row in self.rows],
        }
        path.write_text(json.dumps(values, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Result:
        """What `write` wrote."""
        values = json.loads(path.read_text())
        rows = tuple(Row.from_json(row) for row in values["rows"])
        return cls(date=values["date"], versions=values["versions"], machine=values["machine"], rows=rows)


def result(rows: Iterable[Row], versions: Mapping[str, str]) -> Result:
    """The result of now and here."""
    return Result(
        date=datetime.now(UTC).date().isoformat(),
        versions={"zfspull": __version__, "Python": platform.python_version(), **versions},
        machine=_machine(),
        rows=tuple(rows),
    )


def _machine() -> dict[str, str]:
    told = {"processors": str(os.cpu_count()), "kernel": platform.release(), "architecture": platform.machine()}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            told["processor"] = line.partition(":")[2].strip()
            break
    return told
