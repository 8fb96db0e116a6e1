"""What a job says about which snapshots to keep: rules, sets of rules for certain names, and all of them together.

Only values live here; `retention` judges by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields


_PATTERNS = ("matching", "not_matching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The keep rules of a job. At least one must be set: what keeps everything is no `Keep` at all (None).

    Attributes:
        last: how many of the newest snapshots.
        hourly, daily, weekly, monthly, yearly: how many periods that have a snapshot; the newest of each is kept.
        within_seconds: all that are no more than this older than the newest.
        matching: regular expressions, searched for in the snapshot's name; all in which any is found.
        not_matching: likewise; all in which none of them is found. Without any, the rule keeps nothing.

    Raises:
        ValueError: a negative number, a broken regular expression, or no rule at all.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_seconds: int = 0
    matching: tuple[str, ...] = ()
    not_matching: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _PATTERNS}
        for name, number in numbers.items():
            if number < 0:
                raise ValueError(f"{name} is {number}; a keep rule counts from 0")
        for name in _PATTERNS:
            for pattern in getattr(self, name):
                _check(name, pattern)
        if not self.matching and not self.not_matching and not any(numbers.values()):
            raise ValueError("keep has no rule and would give up every snapshot; leave keep out to keep everything")

    def keeps_for_its_name(self, name: str) -> bool:
        """Whether `matching` or `not_matching` keeps the snapshot of that name, which is for ever."""
        if any(re.search(pattern, name) for pattern in self.matching):
            return True
        return bool(self.not_matching) and not any(re.search(pattern, name) for pattern in self.not_matching)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules that judge, and count, only the snapshots with certain names.

    Attributes:
        keep: the rules, None to keep all that the set judges.
        snapshots: regular expression, searched for in the snapshot's name: what the set judges; None for all.

    Raises:
        ValueError: a broken regular expression.
    """

    keep: Keep | None
    snapshots: str | None = None

    def __post_init__(self) -> None:
        if self.snapshots is not None:
            _check("snapshots", self.snapshots)

    def judges(self, name: str) -> bool:
        """Whether the set has a say on the snapshot of that name."""
        return self.snapshots is None or re.search(self.snapshots, name) is not None

    def keeps_for_ever(self, name: str) -> bool:
        """Whether the set keeps the snapshot of that name however many come after it."""
        return self.judges(name) and (self.keep is None or self.keep.keeps_for_its_name(name))

    def signed(self, reason: str) -> str:
        """`reason` with the name of the set, which is its pattern."""
        return reason if self.snapshots is None else f"{reason} of {self.snapshots}"


@dataclass(frozen=True, slots=True)
class Retention:
    """All that a job says about what to keep: a snapshot stays if any set keeps it, or none judges it.

    Raises:
        ValueError: no set, or two for the same snapshots.
    """

    sets: tuple[RuleSet, ...]

    def __post_init__(self) -> None:
        patterns = [one.snapshots for one in self.sets]
        if not patterns:
            raise ValueError("there is no rule set; leave keep out to keep everything")
        for pattern in patterns:
            if patterns.count(pattern) > 1:
                raise ValueError(f"two rule sets are for {pattern or 'all snapshots'!r}; put their rules into one")


def as_retention(keep: Retention | Keep | None) -> Retention:
    """The same as rule sets: rules alone are those of one set that judges all, None is one that keeps all."""
    return keep if isinstance(keep, Retention) else Retention((RuleSet(keep),))


def _check(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name} {pattern!r} is no regular expression: {error}") from error
