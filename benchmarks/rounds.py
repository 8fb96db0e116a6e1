"""Contestants run in turn, round after round, so that what disturbs the machine disturbs all of them; medians count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median


Figures = Mapping[str, float]
"""What one run measured, by name."""


def medians(runs: Sequence[Figures]) -> dict[str, float]:
    """The median of each figure over all runs that have it."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: median(run[name] for run in runs if name in run) for name in names}


def in_turn(
    contestants: Mapping[str, Callable[[], Figures]], *, rounds: int, before: Callable[[], None] | None = None
) -> dict[str, dict[str, float]]:
    """Each contestant's medians over `rounds` rounds; in every other round they run in the opposite order.

    Args:
        contestants: what each of them does, by name.
        rounds: how often.
        before: what is done before each round, and not measured.
    """
    runs: dict[str, list[Figures]] = {name: [] for name in contestants}
    for number in range(rounds):
        if before is not None:
            before()
        order = list(contestants)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            runs[name].append(contestants[name]())
    return {name: medians(of_one) for name, of_one in runs.items()}
