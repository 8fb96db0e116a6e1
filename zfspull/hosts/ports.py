"""What a pull needs of the two ends, as protocols.

`hosts.source` and `hosts.target` implement them with real ZFS, `hosts.memory` in memory. All errors come from
`zfspull.errors`; every call has a time limit of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from zfspull.errors import ZfspullError
from zfspull.plan.steps import Step
from zfspull.zfs.model import Arrived, Brief, Dataset, Hold, Point, Space, Tree


@dataclass(frozen=True, slots=True)
class Ended:
    """How one process of a transfer ended.

    Attributes:
        status: exit status; negative for a signal, None where it was never learnt (lost connection): that is failure.
        stderr: what it said, bounded.
    """

    status: int | None
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0


class Sink(Protocol):
    """Where the bytes of a stream go."""

    def write(self, data: bytes) -> None:
        """Take `data` without blocking or raising; what a broken sink is given is swallowed."""

    @property
    def pending_bytes(self) -> int:
        """What was taken and not yet handed on: whoever writes keeps it bounded by draining."""

    async def drain(self) -> None:
        """Return as soon as nothing is pending, or the sink is broken."""

    @property
    def broken(self) -> bool:
        """Whether the other end is gone."""


class Receiving(Protocol):
    """A `zfs recv` under way."""

    @property
    def sink(self) -> Sink:
        """Its standard input."""

    async def ended(self) -> Ended:
        """Wait until it has ended, by itself or after `finish`."""

    async def finish(self) -> Ended:
        """Say that the stream is complete, and wait for the end."""


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What became of a batch of snapshots: names that are gone, and names that stay with the reason.

    Attributes:
        gone: of a dry run, those that could go.
        skipped: name and reason.
        freed_bytes: of a dry run, the space that they would free together; None where ZFS does not say.
        error: what ended it before all were tried, on the source; what is in neither list stays as far as is known.
    """

    gone: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    freed_bytes: int | None = None
    error: ZfspullError | None = None


class Listings(Protocol):
    """The listings of one side for whoever knows most of it already, by one command each."""

    async def datasets(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root`, without their snapshots and bookmarks; empty if there is none.

        `snapshots_changed` is asked for; where the host does not have it, it is None.
        """

    async def only(self, root: str, datasets: Sequence[str]) -> Tree | None:
        """The same of those `datasets` alone, full names of what lies at and below `root`; None if one is gone.

        For those who know what there is: of what is not mounted it costs half as much as to find out.
        """

    async def briefly(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Brief, ...]]:
        """The snapshots of `datasets`, and on the source their bookmarks, in brief: at a tenth of the cost.

        Args:
            datasets: full names, at least one.
            below: where it is shorter to list all that lies at and below a dataset than to name them.

        Returns:
            By full name. Of several, one that is gone by now is not in it, and may draw others along that have nothing.
        """

    async def fully(self, datasets: Sequence[str], *, below: str | None) -> Mapping[str, tuple[Point, ...]]:
        """The same with all that is ever asked of them."""

    async def named(self, points: Sequence[str]) -> Mapping[str, Point]:
        """Snapshots and bookmarks, at least one, in full, by full name; one that is gone is not in it."""


class Source(Protocol):
    """The machine that is pulled from."""

    @property
    def listings(self) -> Listings:
        """Its listings in parts."""

    @property
    def host(self) -> str:
        """Its name in the configuration."""

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with snapshots and bookmarks, by a constant number of commands."""

    async def snapshot(self, datasets: Sequence[str], name: str, *, recursive: bool) -> None:
        """Take a snapshot called `name` of each dataset, and of all below if `recursive`, in one atomic command."""

    async def destroy_snapshots(self, dataset: str, snapshots: Sequence[str]) -> Destroyed:
        """Destroy snapshots of one dataset; what can't be destroyed, and what ended it, is reported, not raised."""

    async def bookmark(self, dataset: str, snapshot: str, name: str) -> None:
        """Bookmark a snapshot; fine if the bookmark is there."""

    async def destroy_bookmark(self, dataset: str, name: str) -> None:
        """Destroy a bookmark, and never anything else; fine if it is gone."""

    async def hold(self, dataset: str, snapshot: str, tag: str) -> None:
        """Put a hold on a snapshot; fine if it is there."""

    async def release(self, dataset: str, snapshot: str, tag: str) -> None:
        """Take a hold from a snapshot; fine if there is none."""

    async def check_release(self, dataset: str) -> None:
        """See that what is held there can be released again; raises PermanentError if it can't, as far as one can tell.

        A hold without a release keeps its snapshot for ever, and `zfs release` can't be tried on what is not held.
        """

    async def list_holds(self, snapshots: Sequence[str]) -> tuple[Hold, ...]:
        """The holds on snapshots, given by their full names; one that is gone has none."""

    async def estimate(self, step: Step) -> int | None:
        """Bytes that the step's stream will have, None where ZFS can't say."""

    async def send(self, step: Step, sink: Sink, expect: Callable[[int], None]) -> Ended:
        """Stream the step into `sink`; returns when the sender has ended and everything was handed to the sink.

        `expect` is called with the stream's expected size in bytes as soon as the sender says it.
        """


class Target(Protocol):
    """The pools of this machine."""

    @property
    def listings(self) -> Listings:
        """Their listings in parts."""

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with their snapshots, by a constant number of commands."""

    async def nearest(self, name: str) -> Dataset | None:
        """The dataset `name`, or else the nearest one above it, without snapshots; None if not even its pool exists."""

    async def look(self, name: str, snapshot: str) -> Arrived:
        """What is there of dataset `name` and its `snapshot`: the look after a step."""

    async def create_placeholder(self, name: str, *, stay_plain: bool) -> None:
        """Create the filesystem `name` as an empty, unmounted placeholder; fine if it exists.

        `stay_plain` keeps it from inheriting encryption: below a raw replica, whose key is never here, it must not.
        """

    def receive(self, name: str, step: Step) -> AbstractAsyncContextManager[Receiving]:
        """Start `zfs recv` into `name`; leaving the context ends and reaps the process whatever happened."""

    async def abort_receive(self, name: str) -> None:
        """Throw the partial state of an interrupted receive away; fine if there is none."""

    async def rollback(self, name: str, snapshot: str) -> None:
        """Roll `name` back to `snapshot`, which destroys every later one; only ever as a job's remedy."""

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a dataset with all below it."""

    async def destroy_snapshots(self, name: str, snapshots: Sequence[str], *, dry_run: bool) -> Destroyed:
        """Destroy snapshots of one dataset in one batch; those that can't be destroyed are reported, not raised."""

    async def destroy_dataset(self, name: str) -> None:
        """Destroy a filesystem or volume that has neither snapshots nor anything below it; fine if it is gone.

        What has any is not touched: TransientError. Never the top of a pool: ValueError.
        """

    async def space(self, pool: str) -> Space | None:
        """How much of a pool is in use and how much is available; None if there is no such pool."""
