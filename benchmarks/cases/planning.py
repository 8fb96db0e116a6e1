"""A million snapshots on the source and as many on the replica: listings read, pull planned, retention decided."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.rounds import Figures, in_turn
from benchmarks.rows import LIMIT, Row
from benchmarks.settings import Outcome, Settings


_SHAPES = ((10_000, 100), (100, 10_000))
_PART = 4
"""The smaller of the two sizes, to see whether the cost is linear, has so much less of everything."""
_SIDES = 2
_MILLION = 1_000_000
_MOST_SECONDS = 10.0
_MOST_MIB = 1024.0
_MOST_GROWTH = 1.25
"""Of the cost of one snapshot, from the smaller size to the larger: linear, but caches end somewhere."""


def run(settings: Settings) -> Outcome:
    """Measure."""
    rows: list[Row] = []
    for datasets, snapshots in _SHAPES:
        rows += _rows(int(datasets * settings.scale), snapshots, settings.rounds)
    return Outcome(tuple(rows))


def _rows(datasets: int, snapshots: int, rounds: int) -> Iterator[Row]:
    part = max(1, datasets // _PART)
    found = in_turn(
        {"small": partial(_plan, part, snapshots), "large": partial(_plan, datasets, snapshots)}, rounds=rounds
    )
    large = found["large"]
    shape = f"{datasets:,} datasets of {snapshots:,} snapshots"
    per_snapshot = large["all"] / (_SIDES * datasets * snapshots)
    growth = per_snapshot / (found["small"]["all"] / (_SIDES * part * snapshots))
    yield _limited(f"{shape}: a million snapshots listed", "s", per_snapshot * _MILLION, _MOST_SECONDS)
    for phase in ("read", "plan", "prune"):
        yield _limited(f"{shape}: both sides, {phase}", "s", large[phase], _MOST_SECONDS, target=None)
    yield _limited(f"{shape}: both sides, peak memory", "MiB", large["peak_bytes"] / (1 << 20), _MOST_MIB)
    yield _limited(f"{shape}: beside a {_PART}th of them, by snapshot", "times", growth, _MOST_GROWTH)


def _limited(what: str, unit: str, ours: float, most: float, target: float | None = 1.0) -> Row:
    return Row(case="planning", what=what, unit=unit, better="lower", ours=ours, peer=LIMIT, theirs=most, target=target)


def _plan(datasets: int, snapshots: int) -> Figures:
    words = [sys.executable, "-m", "benchmarks.planner", str(datasets), str(snapshots)]
    figures: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return figures
