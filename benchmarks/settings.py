"""What a case is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a case is given.

    Attributes:
        directory: an empty directory that is gone afterwards.
        rounds: how often each contestant runs.
        scale: 1.0 for the sizes that the targets speak of; less for a quick look.
    """

    directory: Path
    rounds: int = 3
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case gives back: its rows, and the versions of what took part, by name."""

    rows: tuple[Row, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
