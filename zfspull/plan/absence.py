"""How long something of the target has been missing on the source, as runs have observed it.

Time that nobody has seen does not count. Each run adds what has passed since the run before that saw the same thing
missing, at most a cap and never less than nothing: neither a clock in another year nor a machine that was off for one
makes anything old. Everything is known by guid, so a rename changes nothing.

Here is the book-keeping only. What may follow from it is decided in `mirror` and `missing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zfspull.plan.base import find_base
from zfspull.plan.exclude import excluded
from zfspull.plan.remedies import is_aside
from zfspull.zfs.model import Dataset, Tree


CAP_SECONDS = 86_400.0
"""The most that one run adds; a job whose runs lie farther apart adds up to twice its interval."""


@dataclass(frozen=True, slots=True)
class Absence:
    """How long something has been missing.

    Attributes:
        seconds: the time that was observed.
        last_at: when the newest run saw it missing, seconds since the epoch by this machine's clock.
    """

    seconds: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one target dataset.

    Attributes:
        seen: whether a run has found it on the source, with a snapshot in common: it is a replica, and not somebody's.
        missing: since when it is gone there, None while it is not.
        snapshots: by guid, those of its snapshots that are gone there.
    """

    seen: bool = False
    missing: Absence | None = None
    snapshots: Mapping[int, Absence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books of one job: by guid of the target dataset. As large as what is on the target and gone there."""

    datasets: Mapping[int, Record] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at both sides is evidence of; target datasets by guid. What is in none of them is gone here.

    Attributes:
        present: datasets that the source has, surely: each with its snapshots that are gone there.
        missing: datasets that the source has no more, surely.
        unclear: datasets of which this look says nothing.
    """

    present: Mapping[int, frozenset[int]] = field(default_factory=dict)
    missing: frozenset[int] = frozenset()
    unclear: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Losses:
    """What the source lost: what the newest look shows, and the books with that look in them."""

    sight: Sight
    ledger: Ledger = field(default_factory=Ledger)

    def dataset_seconds(self, guid: int) -> float | None:
        """For how long a target dataset has been missing; None if it is not, as far as anybody knows."""
        record = self.ledger.datasets.get(guid)
        return record.missing.seconds if record and record.missing else None

    def was_seen(self, guid: int) -> bool:
        """Whether a run has ever found that target dataset on the source."""
        record = self.ledger.datasets.get(guid)
        return record is not None and record.seen

    def snapshot_seconds(self, dataset: int, snapshot: int) -> float:
        """For how long a snapshot of a target dataset has been missing."""
        record = self.ledger.datasets.get(dataset)
        absence = record.snapshots.get(snapshot) if record else None
        return absence.seconds if absence else 0.0


def related(source: Tree, target: Tree) -> bool:
    """Whether the two trees have to do with each other at all: some dataset has a base.

    If none has, another tree stands where the source was, or the replica is another's: no evidence of anything.
    """
    return any(
        path in source.datasets and find_base(source.datasets[path], dataset).base is not None
        for path, dataset in target.datasets.items()
    )


def look(source: Tree | None, target: Tree, *, exclude: Sequence[str] = (), troubled: Collection[str] = ()) -> Sight:
    """What the two sides, freshly listed, are evidence of.

    Args:
        source: the job's tree on the host, None if it could not be listed.
        target: the replica.
        exclude: patterns of paths that are not the job's.
        troubled: full names of the target datasets that could not be pulled in this run, or were refused.
    """
    mine = {path: one for path, one in target.datasets.items() if not excluded(path, exclude) and not is_aside(path)}
    if source is None or not source.exists or not related(source, target):
        return Sight(unclear=frozenset(dataset.guid for dataset in mine.values()))
    there = frozenset(snapshot.guid for dataset in source.datasets.values() for snapshot in dataset.snapshots)
    points = frozenset(point.guid for dataset in source.datasets.values() for point in dataset.points)
    present: dict[int, frozenset[int]] = {}
    missing: set[int] = set()
    for path, dataset in mine.items():
        own = frozenset(snapshot.guid for snapshot in dataset.snapshots)
        if path not in source.datasets:
            # Some of its snapshots elsewhere on the source: it was renamed there.
            if own and own.isdisjoint(points):
                missing.add(dataset.guid)
        elif dataset.name not in troubled and _is_replica(source.datasets[path], dataset):
            present[dataset.guid] = own - there
    known = missing | present.keys()
    return Sight(present, frozenset(missing), frozenset(one.guid for one in mine.values() if one.guid not in known))


def _is_replica(source: Dataset, target: Dataset) -> bool:
    """Whether the source's dataset shows by itself that it is what the target has: a base, and a snapshot in common.

    A bookmark alone does not do: whoever destroys all snapshots leaves those behind.
    """
    theirs = {snapshot.guid for snapshot in source.snapshots}
    common = any(snapshot.guid in theirs for snapshot in target.snapshots)
    return common and source.kind is target.kind and find_base(source, target).base is not None


def advance(ledger: Ledger, sight: Sight, *, now: float, cap_seconds: float = CAP_SECONDS) -> Ledger:
    """The books after one more look.

    What is there again is forgotten, and what is gone from the target too; what the look says nothing of stays.

    Args:
        ledger: the books so far.
        sight: the look.
        now: when it was, seconds since the epoch.
        cap_seconds: the most that it may add.
    """

    def more(before: Absence | None) -> Absence:
        if before is None:
            return Absence(0.0, now)
        return Absence(before.seconds + min(max(now - before.last_at, 0.0), cap_seconds), now)

    def records() -> Iterator[tuple[int, Record]]:
        old = ledger.datasets
        for guid, gone in sight.present.items():
            before = old.get(guid, Record()).snapshots
            yield guid, Record(seen=True, snapshots={one: more(before.get(one)) for one in sorted(gone)})
        for guid in sight.missing:
            record = old.get(guid, Record())
            yield guid, Record(record.seen, more(record.missing), record.snapshots)
        for guid in sight.unclear & old.keys():
            yield guid, old[guid]

    return Ledger(dict(records()))
