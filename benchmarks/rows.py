"""One line of a result: what was measured of us and of one peer, and what the ratio should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


LIMIT = "the limit"
"""The peer of what has none: then its figure is the most (or least) that is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a result.

    Attributes:
        case: name of the case.
        what: what was measured; with `case` and `peer` it identifies the line across results.
        unit: of both figures.
        better: which direction is good.
        ours, theirs: the figures, medians of several rounds.
        peer: whose the other figure is, or `LIMIT`.
        target: the least ratio that will do; None where the figure is only told.
    """

    case: str
    what: str
    unit: str
    better: Literal["lower", "higher"]
    ours: float
    peer: str
    theirs: float
    target: float | None = None

    @property
    def ratio(self) -> float:
        """How many times better ours is: above 1 is ahead, whatever the direction."""
        good, bad = (self.ours, self.theirs) if self.better == "higher" else (self.theirs, self.ours)
        if bad == 0:
            return 1.0 if good == 0 else float("inf")
        return good / bad

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.ratio >= self.target

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the line across results."""
        return (self.case, self.what, self.peer)

    def to_json(self) -> dict[str, Any]:
        """The line as JSON has it, with its ratio."""
        return {**asdict(self), "ratio": round(self.ratio, 4)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Row:
        """The line that `to_json` wrote."""
        return cls(**{name: value for name, value in values.items() if name != "ratio"})
