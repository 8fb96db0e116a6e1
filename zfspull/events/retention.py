"""What retention destroyed on either side, and what it left."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.events.event import Event


SOURCE, TARGET = "source", "target"
"""The sides on which retention works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsDestroyed(Event):
    """Snapshots of one dataset were destroyed by retention; `kept` remain.

    `side` is target, or source: then `dataset` is the name there.
    """

    dataset: str
    names: tuple[str, ...]
    kept: int
    side: str = TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDestroyed(Event):
    """A target dataset that had been missing on the source was destroyed, after its snapshots, as the job says."""

    dataset: str
    missing_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSkipped(Event):
    """A snapshot that retention gives up could not be destroyed (held, cloned, busy), and stays; `side` as above."""

    dataset: str
    name: str
    reason: str
    side: str = TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRefused(Event):
    """Retention would have destroyed more on one side than the job allows; nothing was destroyed there."""

    message: str
    hint: str
    count: int
    limit: int
    side: str = TARGET
