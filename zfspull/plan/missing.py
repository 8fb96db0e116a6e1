"""What becomes of datasets that the source has no more: kept for ever, unless the job says otherwise.

Destroying a dataset is the most dangerous thing that zfspull does. `OBSTACLES` lists what stands in its way; as with
the guards of `prune`, one is enough, and none can be configured away. A dataset that is gone never takes another along:
it goes only when nothing that stays lies below it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from zfspull.plan.absence import Losses
from zfspull.plan.exclude import excluded
from zfspull.plan.remedies import aside_name, is_aside
from zfspull.zfs.model import Dataset, Tree
from zfspull.zfs.names import MAX_NAME_BYTES, ancestors, place


class MissingAction(StrEnum):
    """What is done with a dataset that is gone on the source."""

    KEEP = "keep"
    DESTROY = "destroy"
    RENAME_ASIDE = "rename_aside"


@dataclass(frozen=True, slots=True)
class Missing:
    """What a job says: the action, and after how many seconds of observed absence."""

    action: MissingAction = MissingAction.KEEP
    after_seconds: float = 0.0


ASIDE_AFTER_SECONDS = 7 * 86_400.0
"""What `missing: rename_aside` means without a time."""

LEAST_DESTROY_AFTER_SECONDS = 86_400.0
"""Less is a mistake in the configuration: a person must have had the time to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one target dataset that is gone on the source.

    Attributes:
        path: below the job's root.
        dataset: as listed.
        seconds: for how long it has been missing, as observed.
        action: what is to be done in this run.
        obstacles: why nothing is, though the job says so and the time has come.
        to: the new full name of what is renamed aside; "" where that happens with something above it.
    """

    path: str
    dataset: Dataset
    seconds: float
    action: MissingAction = MissingAction.KEEP
    obstacles: tuple[str, ...] = ()
    to: str = ""


@dataclass(slots=True)
class _Scene:
    """What the obstacles look at; `fates` are those of all that lies below, for the deepest are judged first."""

    target: Tree
    losses: Losses
    fates: dict[str, Fate] = field(default_factory=dict)

    def below(self, path: str) -> list[str]:
        return [other for other in self.target.datasets if path in ancestors(other)]


Obstacle = Callable[[_Scene, str, Dataset], bool]


def _stays_below(scene: _Scene, path: str, _: Dataset) -> bool:
    return any(
        other not in scene.fates or scene.fates[other].action is not MissingAction.DESTROY
        for other in scene.below(path)
    )


def _others_below(scene: _Scene, path: str, _: Dataset) -> bool:
    """Whether something lies below that would be moved along and shouldn't: what lies aside already may."""
    return any(
        not is_aside(other)
        and (other not in scene.fates or scene.fates[other].action is not MissingAction.RENAME_ASIDE)
        for other in scene.below(path)
    )


_WHOSE: tuple[tuple[str, Obstacle], ...] = (
    ("it is the job's root", lambda _scene, path, _: not path),
    ("no run has seen it on the source", lambda scene, _, dataset: not scene.losses.was_seen(dataset.guid)),
    ("it is mounted", lambda _scene, _path, dataset: bool(dataset.mounted)),
    ("it has an interrupted receive", lambda _scene, _path, dataset: dataset.resume_token is not None),
)

OBSTACLES: Mapping[MissingAction, tuple[tuple[str, Obstacle], ...]] = {
    MissingAction.KEEP: (),
    MissingAction.DESTROY: (
        *_WHOSE,
        ("it has no snapshot", lambda _scene, _path, dataset: not dataset.snapshots),
        ("it was written to", lambda _scene, _path, dataset: dataset.written_bytes > 0),
        ("a snapshot is held", lambda _scene, _path, dataset: any(one.holds for one in dataset.snapshots)),
        ("a snapshot has a clone", lambda _scene, _path, dataset: any(one.clones for one in dataset.snapshots)),
        ("something below it stays", _stays_below),
    ),
    MissingAction.RENAME_ASIDE: (
        *_WHOSE,
        ("something below it stays", _others_below),
        (
            f"its new name would be longer than the {MAX_NAME_BYTES} bytes of ZFS",
            lambda _scene, _path, dataset: len(aside_name(dataset).encode()) > MAX_NAME_BYTES,
        ),
    ),
}
"""By action: in words for a person, whether it must not be done, whatever the job says."""


def judge_missing(target: Tree, losses: Losses, policy: Missing, *, exclude: tuple[str, ...] = ()) -> tuple[Fate, ...]:
    """What becomes of each dataset that is surely gone on the source, parents first.

    Args:
        target: the replica, freshly listed.
        losses: what the source lost, by this very listing.
        policy: what the job says.
        exclude: patterns of paths that are not the job's.
    """
    scene = _Scene(target, losses)
    for path in sorted(target.datasets, key=place, reverse=True):
        dataset = target.datasets[path]
        if dataset.guid in losses.sight.missing and not excluded(path, exclude) and not is_aside(path):
            scene.fates[path] = _judge(scene, path, dataset, policy)
    moving = {path for path, fate in scene.fates.items() if fate.action is MissingAction.RENAME_ASIDE}
    return tuple(_with_its_parent(scene.fates[path], moving) for path in sorted(scene.fates, key=place))


def _judge(scene: _Scene, path: str, dataset: Dataset, policy: Missing) -> Fate:
    seconds = scene.losses.dataset_seconds(dataset.guid) or 0.0
    due = policy.action is not MissingAction.KEEP and seconds >= policy.after_seconds
    obstacles = tuple(text for text, stands in OBSTACLES[policy.action] if due and stands(scene, path, dataset))
    action = policy.action if due and not obstacles else MissingAction.KEEP
    return Fate(path=path, dataset=dataset, seconds=seconds, action=action, obstacles=obstacles)


def _with_its_parent(fate: Fate, moving: set[str]) -> Fate:
    """The fate with the new name, if it is moved by itself and not by the rename of something above it."""
    if fate.path not in moving or any(above in moving for above in ancestors(fate.path)):
        return fate
    return replace(fate, to=aside_name(fate.dataset))
