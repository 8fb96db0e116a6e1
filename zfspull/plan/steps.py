"""What a pull may do to one dataset, as values: steps, refusal, remedy, and the plan that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from zfspull.zfs.model import Bookmark, Kind, Point, Snapshot
from zfspull.zfs.names import join


class StepKind(StrEnum):
    """The four ways to make a stream (zfs-send(8))."""

    FULL = "full"
    INCREMENTAL = "incremental"
    RANGE = "range"
    RESUME = "resume"


class Inherits(StrEnum):
    """What encryption a filesystem or volume gets from above if it is made here without one of its own."""

    NOTHING = "nothing"
    RAW_KEY = "raw_key"
    """That of a raw replica, whose key is never here: what is plain must be kept from it."""
    OUR_KEY = "our_key"
    """That of a filesystem which was encrypted on this machine: what is plain on the source is encrypted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One `zfs send … | zfs recv …`.

    Attributes:
        kind: full, incremental (`-i`), range (`-I`: every snapshot between base and `to`) or resume (`-t`).
        source: full name of the dataset on the host.
        target: full name of its replica.
        dataset_kind: filesystem or volume; some properties fit one of them only.
        to: the snapshot that is the newest on the target when the step is done.
        base: what the increment starts from; None for a full stream and for the resumption of one.
        raw: whether the stream holds ciphertext.
        creates: whether the step makes the target dataset.
        stay_plain: whether a plain dataset is kept from inheriting the encryption of a raw replica above it.
        embedded: whether the stream may have embedded blocks; ZFS takes none into a dataset that it encrypts itself.
        token: the resume token, for a resume.
    """

    kind: StepKind
    source: str
    target: str
    dataset_kind: Kind
    to: Snapshot
    base: Point | None = None
    raw: bool = False
    creates: bool = False
    stay_plain: bool = False
    embedded: bool = True
    token: str | None = None

    def __str__(self) -> str:
        start = f"{self.base.mark} -> " if self.base else ""
        return f"{self.kind} {self.source} {start}{self.to.mark}"


class Reason(StrEnum):
    """Why a dataset is refused. A closed set: it labels metrics and is documented with the ways out."""

    NO_COMMON_BASE = "no_common_base"
    TARGET_NEWER = "target_newer"
    TARGET_MODIFIED = "target_modified"
    TARGET_FOREIGN = "target_foreign"
    NAME_TAKEN = "name_taken"
    KIND_DIFFERS = "kind_differs"
    SOURCE_ENCRYPTED = "source_became_encrypted"
    SOURCE_PLAIN = "source_became_plain"
    LINEAGE_BROKEN = "raw_lineage_broken"
    PARENT_LOCKED = "parent_locked"
    PARENT_REFUSED = "parent_refused"
    INITIAL_REFUSED = "initial_refused"
    RENAMED = "renamed"
    NAME_TOO_LONG = "name_too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A dataset that needs a person's decision: the evidence on both sides, and the ways out."""

    reason: Reason
    evidence: str
    hint: str


class RemedyKind(StrEnum):
    """What can be done on the target about a refusal, if the job says so beforehand."""

    ROLLBACK = "rollback"
    """Roll the replica back to the base; snapshots after it are destroyed."""
    RENAME_ASIDE = "rename_aside"
    """Rename the dataset that stands in the way, with all below it, and pull anew; nothing is destroyed."""
    RENAME = "rename"
    """Rename the replica as the source was renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Something to be done on the target before the first step.

    Attributes:
        kind: what.
        reason: why the dataset would be refused otherwise.
        dataset: full name of the target dataset that it is done to.
        to: the snapshot's name for a rollback, else the new full name.
        destroys: the snapshots that a rollback destroys.
        total: how many snapshots the dataset has before it.
    """

    kind: RemedyKind
    reason: Reason
    dataset: str
    to: str
    destroys: tuple[Snapshot, ...] = ()
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPlan:
    """What is to be done with one dataset.

    Attributes:
        path: relative to the job's root, `""` for the root.
        source, target: the full names.
        steps: in order; empty when there is nothing to do or the dataset is refused.
        base: the newest snapshot on the target that the source has too, None without one.
        wanted: the newest snapshot that the job wants from the source; None when no snapshot matches.
        refusal: why nothing is done, though something would be needed.
        discard: why an interrupted receive has to be given up before the first step; None if it has not.
        remedy: what is to be done on the target before anything else, since the job says so.
        inherits: what encryption a plain replica would inherit.
        shares_raw_key: whether the target has its key from a raw replica above it.
        cursors: the bookmarks that earlier runs have left on the source for this replica, oldest first.
        uncovered: the base as the source has it, if nothing is to be done and yet no cursor stands for it.
    """

    path: str
    source: str
    target: str
    steps: tuple[Step, ...] = ()
    base: Snapshot | None = None
    wanted: Snapshot | None = None
    refusal: Refusal | None = None
    discard: str | None = None
    remedy: Remedy | None = None
    inherits: Inherits = Inherits.NOTHING
    shares_raw_key: bool = False
    cursors: tuple[Bookmark, ...] = ()
    uncovered: Snapshot | None = None

    @property
    def has_work(self) -> bool:
        """Whether anything is to be done on the target."""
        return self.refusal is None and bool(self.steps or self.discard or self.remedy)

    def remedied_by(self, kind: RemedyKind) -> bool:
        """Whether that is what is done on the target first."""
        return self.remedy is not None and self.remedy.kind is kind

    @property
    def creates(self) -> bool:
        """Whether the first step makes the target dataset."""
        return bool(self.steps) and self.steps[0].creates

    @property
    def up_to_date(self) -> bool:
        """Whether the target has all that the job wants from the source, of which there is something."""
        return self.wanted is not None and not self.steps and self.refusal is None and self.remedy is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with the tree of a job.

    Attributes:
        source_root, target_root: full names of the two tops.
        datasets: parents first.
        placeholders: target datasets to create first, parents first: above the root, or where a dataset of the tree is
            not pulled itself and yet has one below it that is.
        missing: paths below the target's root that the source does not have (any more).
    """

    source_root: str
    target_root: str
    datasets: tuple[DatasetPlan, ...] = ()
    placeholders: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        """All steps, those of parents first."""
        return (step for dataset in self.datasets for step in dataset.steps)

    @property
    def refused(self) -> tuple[DatasetPlan, ...]:
        """The datasets that need a decision."""
        return tuple(dataset for dataset in self.datasets if dataset.refusal)

    def target_name(self, path: str) -> str:
        """The full name on the target of what lies at `path`."""
        return join(self.target_root, path)
