"""Two results side by side: where a ratio has become worse. Ratios outlive the machine that they were measured on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.rows import Row


TOLERANCE = 0.15
"""Medians of a few rounds differ by so much from call to call."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line that both results have, or only the old one (`new` is None then)."""

    old: Row
    new: Row | None

    @property
    def worse(self) -> bool:
        """Whether the ratio has fallen by more than chance, or a target that was met is not any more."""
        if self.new is None:
            return False
        fallen = self.new.ratio < self.old.ratio * (1 - TOLERANCE)
        return fallen or (self.old.met is True and self.new.met is False)


def changes(old: Iterable[Row], new: Iterable[Row]) -> list[Change]:
    """What became of each line of the old result, of the cases that the new one has."""
    now = {row.key: row for row in new}
    cases = {row.case for row in now.values()}
    return [Change(row, now.get(row.key)) for row in old if row.case in cases]
