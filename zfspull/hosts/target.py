"""The target: the pools of this machine. The only module that destroys, creates or receives anything here."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from zfspull.errors import PermanentError, ZfspullError
from zfspull.hosts.coalesce import Bounds, Coalescer
from zfspull.hosts.failures import failure, listed
from zfspull.hosts.feeding import feed
from zfspull.hosts.listings import ZfsListings
from zfspull.hosts.ports import Destroyed, Receiving
from zfspull.hosts.process import Completed, run
from zfspull.plan.steps import Step
from zfspull.zfs import commands, names
from zfspull.zfs.listing import ListingError, parse_arrived, parse_reclaimed, parse_space
from zfspull.zfs.model import Arrived, Dataset, Kind, Space, Tree
from zfspull.zfs.names import destroyable_error, snapshot_name_error
from zfspull.zfs.stderr import classify, says_destroyed, says_missing
from zfspull.zfs.texts import Side


PLACEHOLDER = "zfspull:placeholder"
"""User property of the empty filesystems that zfspull creates so that a replica has a parent."""

_OF_MOUNTING = frozenset({"canmount", "mountpoint"})
_RECEIVE_PATIENCE_SECONDS = 60.0
_BATCH = 100
_LOOKS = Bounds(requests=50)
_LOOK_PATIENCE_SECONDS = 0.5
_DRY_RUN_CHARACTERS = 60_000  # one word of a command line may have 128 KiB (execve(2), MAX_ARG_STRLEN)
_NOTHING_TO_ABORT = "does not have any resumable receive state"
_EXISTS = "dataset already exists"


class LocalTarget:
    """The local pools, by way of zfs(8).

    Args:
        zfs: the words that start zfs(8), e.g. `("sudo", "-n", "zfs")`.
        properties: set on every received dataset (`zfs receive -o`).
        filesystem_properties: set on received filesystems only.
        exclude_properties: not taken from a stream (`zfs receive -x`), on filesystems only.
        command_timeout_seconds: how long a listing or a destroy may take.
    """

    def __init__(
        self,
        *,
        zfs: Sequence[str] = ("zfs",),
        properties: Mapping[str, str] | None = None,
        filesystem_properties: Mapping[str, str] | None = None,
        exclude_properties: Sequence[str] = ("mountpoint",),
        command_timeout_seconds: float = 3600.0,
    ) -> None:
        self._zfs = tuple(zfs)
        self._properties = dict({"readonly": "on"} if properties is None else properties)
        self._filesystem_properties = dict(
            {"canmount": "noauto"} if filesystem_properties is None else filesystem_properties
        )
        self._exclude_properties = tuple(exclude_properties)
        self._timeout = command_timeout_seconds
        self._looks: dict[str, Coalescer[tuple[str, str], Arrived]] = {}
        self._receiving: Counter[str] = Counter()
        self._listings = ZfsListings(self._run, Side.TARGET, columns=commands.TARGET_DATASET_COLUMNS, bookmarks=False)

    @property
    def listings(self) -> ZfsListings:
        """Their listings in parts."""
        return self._listings

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with their snapshots, by two commands; empty if there is none."""
        return await self._listings.everything(root, recursive=recursive)

    async def space(self, pool: str) -> Space | None:
        """How much of a pool is in use and how much is available; None if there is no such pool."""
        completed = await self._run(commands.list_space(pool))
        if not listed(completed, Side.TARGET, dataset=pool):
            return None
        try:
            return parse_space(completed.stdout)
        except ListingError as error:
            raise PermanentError(
                f"`zfs list` here printed what zfs never prints: {error}", dataset=pool, reason="listing"
            ) from error

    async def nearest(self, name: str) -> Dataset | None:
        """The dataset `name`, or else the nearest one above it, without snapshots; None if not even its pool exists."""
        return await self._listings.nearest(name)

    async def look(self, name: str, snapshot: str) -> Arrived:
        """What is there of dataset `name` and its `snapshot`: the look after a step, together with those of others.

        While others are received it waits for theirs a little: nothing but the next step of this dataset waits for it.
        """
        # By pool: one that hangs must not hold the others up.
        where = names.pool(name)
        if where not in self._looks:
            self._looks[where] = Coalescer(
                self._look_at,
                lambda point: 2 * len("".join(point).encode()),
                _LOOKS,
                patience=lambda: _LOOK_PATIENCE_SECONDS if self._receiving[where] else 0.0,
            )
        return await self._looks[where].ask((name, snapshot))

    async def _look_at(self, points: Sequence[tuple[str, str]]) -> list[Arrived | ZfspullError]:
        """What is there of each of `points`, or why that can't be said."""
        completed = await self._run(commands.list_after_steps(points))
        if completed.ok or (len(points) == 1 and says_missing(completed.stderr)):
            try:
                return [*parse_arrived(completed.stdout, points)]
            except ListingError as error:
                raise PermanentError(str(error), dataset=points[0][0], reason="listing") from error
        if len(points) == 1:
            raise failure(Side.TARGET, "zfs list", completed, dataset=points[0][0])
        # One of them is missing, or worse: each by itself can be told apart.
        return [answer for point in points for answer in await self._look_alone(point)]

    async def _look_alone(self, point: tuple[str, str]) -> list[Arrived | ZfspullError]:
        try:
            return await self._look_at([point])
        except ZfspullError as error:
            return [error]

    async def create_placeholder(self, name: str, *, stay_plain: bool) -> None:
        """Create the filesystem `name` as an empty, unmounted placeholder; fine if it exists. See the protocol."""
        properties = {"canmount": "off", PLACEHOLDER: "on"}
        if stay_plain:
            properties["encryption"] = "off"
        completed = await self._run(commands.create(name, properties=properties))
        if not completed.ok and _EXISTS not in completed.stderr:
            raise failure(Side.TARGET, "zfs create", completed, dataset=name)

    @asynccontextmanager
    async def receive(self, name: str, step: Step) -> AsyncIterator[Receiving]:
        """Start `zfs recv` into `name`; leaving the context ends and reaps the process whatever happened."""
        properties = dict(self._properties)
        exclude: tuple[str, ...] = ()
        if step.dataset_kind is Kind.FILESYSTEM:
            properties |= self._filesystem_properties
            exclude = self._exclude_properties
        else:
            # That it is a volume is what the source says. A filesystem in its place must not bring a mountpoint such as
            # /etc; where it is a volume, zfs only warns (zfs_setup_cmdline_props in OpenZFS's libzfs_sendrecv.c).
            exclude = tuple(_OF_MOUNTING & {*self._filesystem_properties, *self._exclude_properties})
        if step.stay_plain:
            properties["encryption"] = "off"
        words = commands.receive(name, properties=properties, exclude=exclude)
        where = names.pool(name)
        self._receiving[where] += 1
        try:
            async with feed([*self._zfs, *words], patience_seconds=_RECEIVE_PATIENCE_SECONDS) as receiving:
                yield receiving
        finally:
            self._receiving[where] -= 1

    async def abort_receive(self, name: str) -> None:
        """Throw the partial state of an interrupted receive away; fine if there is none."""
        completed = await self._run(commands.abort_receive(name))
        if not completed.ok and _NOTHING_TO_ABORT not in completed.stderr and not says_missing(completed.stderr):
            raise failure(Side.TARGET, "zfs receive -A", completed, dataset=name)

    async def rollback(self, name: str, snapshot: str) -> None:
        """Roll `name` back to `snapshot`, which destroys every later one; only ever as a job's remedy."""
        if error := snapshot_name_error(snapshot):
            raise ValueError(error)
        completed = await self._run(commands.rollback(name, snapshot))
        if not completed.ok:
            raise failure(Side.TARGET, "zfs rollback", completed, dataset=name)

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a dataset with all below it."""
        completed = await self._run(commands.rename(name, new_name))
        if not completed.ok:
            raise failure(Side.TARGET, "zfs rename", completed, dataset=name)

    async def destroy_dataset(self, name: str) -> None:
        """Destroy a dataset that has neither snapshots nor anything below it; see the protocol.

        That is never checked here and then done: without `-r`, ZFS itself refuses what has any.
        """
        if error := destroyable_error(name):
            raise ValueError(error)
        completed = await self._run(commands.destroy_dataset(name))
        if not completed.ok and not says_missing(completed.stderr):
            raise failure(Side.TARGET, "zfs destroy", completed, dataset=name)

    async def destroy_snapshots(self, name: str, snapshots: Sequence[str], *, dry_run: bool) -> Destroyed:
        """Destroy snapshots of one dataset in batches; those that can't be destroyed are reported, not raised.

        A batch is destroyed whole or not at all, so a batch that fails is gone through one by one.

        Raises:
            ValueError: if a name is no plain snapshot name, such as a range.
        """
        for snapshot in snapshots:
            if error := snapshot_name_error(snapshot):
                raise ValueError(error)
        gone: list[str] = []
        skipped: list[tuple[str, str]] = []
        freed: list[int | None] = []
        for batch in _batches(snapshots, dry_run=dry_run):
            going = list(batch)
            answer = await self._destroy(name, going, dry_run=dry_run)
            if answer.reason:
                reasons = {
                    snapshot: (await self._destroy(name, [snapshot], dry_run=dry_run)).reason for snapshot in batch
                }
                skipped += [(snapshot, reason) for snapshot, reason in reasons.items() if reason]
                going = [snapshot for snapshot, reason in reasons.items() if not reason]
                if dry_run and going:  # what they free together is more than what each frees alone
                    answer = await self._destroy(name, going, dry_run=True)
            gone += going
            freed += [answer.freed_bytes] if going else []
        known = [size for size in freed if size is not None]
        total = sum(known) if dry_run and len(known) == len(freed) else None
        return Destroyed(tuple(gone), tuple(skipped), total)

    async def _destroy(self, name: str, batch: Sequence[str], *, dry_run: bool) -> _Answer:
        """Destroy a batch, or say what that would free."""
        completed = await self._run(commands.destroy_snapshots(name, batch, dry_run=dry_run))
        if completed.ok:
            return _Answer(freed_bytes=parse_reclaimed(completed.stdout))
        # Of several, one that is missing says nothing about the others.
        if len(batch) == 1 and says_destroyed(completed.stderr):
            return _Answer(freed_bytes=0)
        row = classify(Side.TARGET, completed.stderr)
        return _Answer(row.reason if row else completed.stderr.strip()[:200] or "unknown")

    async def _run(self, words: Sequence[str]) -> Completed:
        return await run([*self._zfs, *words], timeout_seconds=self._timeout)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What `zfs destroy` said: a short reason why not, "" if it went well, and what a dry run would free."""

    reason: str = ""
    freed_bytes: int | None = None


def _batches(snapshots: Sequence[str], *, dry_run: bool) -> Iterator[Sequence[str]]:
    """As many as one command takes. A dry run takes more: what neighbours free together, only one command can say."""
    if not dry_run:
        yield from (snapshots[start : start + _BATCH] for start in range(0, len(snapshots), _BATCH))
        return
    batch: list[str] = []
    characters = 0
    for snapshot in snapshots:
        characters += len(snapshot) + 1
        if batch and characters > _DRY_RUN_CHARACTERS:
            yield batch
            batch, characters = [], len(snapshot) + 1
        batch.append(snapshot)
    if batch:
        yield batch
