"""What zfspull has left on a source: every cursor there, whose it is, and whether it is still of use. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zfspull.plan.base import find_base
from zfspull.plan.cursors import PREFIX, Owner, owner_of, owner_of_hold
from zfspull.plan.exclude import excluded
from zfspull.plan.renames import find_renames
from zfspull.zfs.model import Dataset, Hold, Point, Tree
from zfspull.zfs.token import TokenError, decode


class Whose(StrEnum):
    """Who has left a cursor, as far as its name tells."""

    OURS = "ours"
    """A job of this machine, as configured now."""
    ANOTHER = "another_replica"
    """Another backup box, or a job that is configured here no more."""
    UNKNOWN = "unknown"
    """Its name begins as ours do, and yet zfspull never gives such a name."""


class Use(StrEnum):
    """What a cursor is good for."""

    NEEDED = "needed"
    """It stands for the base, or for what an interrupted receive needs, and nothing else on the source does."""
    IN_USE = "in_use"
    """It stands for these, and so does a snapshot: if it goes it can be made again."""
    OLDER = "older"
    """It stands for something before the base; the next run takes it away if it may."""
    STALE = "stale"
    """Nothing needs it: its dataset is excluded by the job, or what it stands for has never arrived."""
    UNKNOWN = "unknown"
    """It can't be told from here: another one has left it, or no replica that could need it is to be seen. That one may
    be in a pool that is not imported, or set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A bookmark or a hold that bears our prefix.

    Attributes:
        dataset: full name on the source.
        point: the bookmark, or the snapshot that is held.
        tag: of the hold; None for a bookmark.
        owner: as its name says; None for a name that is none of ours.
        whose, use: see there.
    """

    dataset: str
    point: Point
    tag: str | None
    owner: Owner | None
    whose: Whose
    use: Use

    @property
    def name(self) -> str:
        """How a person names it: `dataset#bookmark`, or `dataset@snapshot=tag`."""
        return f"{self.dataset}{self.point.mark}" + (f"={self.tag}" if self.tag is not None else "")

    @property
    def kind(self) -> str:
        """`bookmark` or `hold`."""
        return "bookmark" if self.tag is None else "hold"


def held(datasets: Iterable[Dataset]) -> tuple[str, ...]:
    """The full names of all their snapshots that anybody holds."""
    return tuple(
        f"{dataset.name}{snapshot.mark}" for dataset in datasets for snapshot in dataset.snapshots if snapshot.holds
    )


def leftovers(
    source: Tree, holds: Sequence[Hold], target: Tree, *, tag: str, ours: Collection[str], exclude: Sequence[str]
) -> Iterator[Leftover]:
    """All that zfspull has left on the datasets of one job, parents first.

    Args:
        source: the job's tree on the host.
        holds: on the snapshots of that tree.
        target: the replica.
        tag: of the job's replica; what bears it is judged by what the replica needs.
        ours: the tags of all replicas of this machine.
        exclude: what the job leaves out.
    """
    by_snapshot: dict[str, list[str]] = {}
    for hold in holds:
        by_snapshot.setdefault(hold.snapshot, []).append(hold.tag)
    included = {path: one for path, one in source.datasets.items() if not excluded(path, tuple(exclude))}
    renames = find_renames(included, source, target)
    for path, dataset in source.datasets.items():
        replica = target.datasets.get(renames.get(path, path))
        for point, held_by, owner in _marks(dataset, by_snapshot):
            mine = owner is not None and owner.tag == tag
            yield Leftover(
                dataset=dataset.name,
                point=point,
                tag=held_by,
                owner=owner,
                whose=_whose(owner, ours),
                use=(_use(point, dataset, replica) if path in included else Use.STALE) if mine else Use.UNKNOWN,
            )


def _marks(dataset: Dataset, holds: dict[str, list[str]]) -> Iterator[tuple[Point, str | None, Owner | None]]:
    for bookmark in dataset.bookmarks:
        if bookmark.name.startswith(f"{PREFIX}_"):
            yield bookmark, None, owner_of(bookmark.name)
    for snapshot in dataset.snapshots:
        for tag in holds.get(f"{dataset.name}{snapshot.mark}", ()):
            if tag.startswith(f"{PREFIX}_"):
                yield snapshot, tag, owner_of_hold(tag)


def _whose(owner: Owner | None, ours: Collection[str]) -> Whose:
    if owner is None:
        return Whose.UNKNOWN
    return Whose.OURS if owner.tag in ours else Whose.ANOTHER


def _use(point: Point, source: Dataset, replica: Dataset | None) -> Use:
    if replica is None:
        return Use.UNKNOWN
    base = find_base(source, replica).base
    if point.guid in _guids_of_token(replica) or (base is not None and point.guid == base.target.guid):
        # A hold goes without its snapshot.
        return Use.IN_USE if any(one.guid == point.guid for one in source.snapshots) else Use.NEEDED
    if base is None:
        return Use.UNKNOWN
    return Use.OLDER if point.createtxg < base.source.createtxg else Use.STALE


def _guids_of_token(replica: Dataset) -> frozenset[int | None]:
    try:
        token = decode(replica.resume_token) if replica.resume_token else None
    except TokenError:
        token = None
    return frozenset({token.to_guid, token.from_guid}) if token else frozenset()
