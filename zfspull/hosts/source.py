"""The source over SSH: what a pull asks of the machine that it pulls from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from zfspull.errors import PermanentError, ZfspullError
from zfspull.hosts.bookkeeping import Bookkeeping, Change
from zfspull.hosts.failures import failure
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.listings import ZfsListings
from zfspull.hosts.plain import see_plain
from zfspull.hosts.ports import Destroyed, Ended, Sink
from zfspull.hosts.process import Completed
from zfspull.hosts.ssh import Connection
from zfspull.plan.steps import Step
from zfspull.zfs import commands
from zfspull.zfs.listing import ListingError, parse_holds
from zfspull.zfs.model import Hold, Tree
from zfspull.zfs.names import snapshot_name_error
from zfspull.zfs.stderr import says_destroyed, says_missing, stream_size_bytes
from zfspull.zfs.texts import Side


_HOLDS_AT_ONCE = 300
_DESTROYED_AT_ONCE = 100
MAX_LISTING_BYTES = 192 << 20
"""What a listing may print: a million snapshots with long names take 160 MiB. A source that prints more is not well."""
MAX_ANSWER_BYTES = 16 << 20
"""What any other command may print: some lines, or the holds of some hundreds of snapshots."""
_ITS_OWN = frozenset({"held", "cloned", "busy", "source_changed"})
"""Why a snapshot can't be destroyed that says nothing of any other."""


class SshSource:
    """A host that is reached over SSH; it needs nothing but zfs(8) there.

    Args:
        connection: the way to it.
        zfs: the words that start zfs(8) there, e.g. `("sudo", "-n", "zfs")`.
        command_timeout_seconds: how long a listing may take.
        limiter: the rate limit that its streams share.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        zfs: Sequence[str] = ("zfs",),
        command_timeout_seconds: float = 600.0,
        limiter: Limiter | None = None,
    ) -> None:
        self._connection = connection
        self._zfs = tuple(zfs)
        self._timeout = command_timeout_seconds
        self._limiter = limiter
        self._books = Bookkeeping(connection, zfs=self._zfs, timeout_seconds=command_timeout_seconds)
        self._listings = ZfsListings(
            self._list, Side.SOURCE, host=self.host, columns=commands.DATASET_COLUMNS, bookmarks=True
        )

    @property
    def host(self) -> str:
        """Its name in the configuration."""
        return self._connection.login.host

    @property
    def listings(self) -> ZfsListings:
        """Its listings in parts."""
        return self._listings

    async def list_tree(self, root: str, *, recursive: bool) -> Tree:
        """All datasets at and below `root` with snapshots and bookmarks, by two commands; empty if there is none."""
        return await self._listings.everything(root, recursive=recursive)

    async def snapshot(self, datasets: Sequence[str], name: str, *, recursive: bool) -> None:
        """Take a snapshot called `name` of each dataset, and of all below if `recursive`, in one atomic command."""
        completed = await self._run(commands.snapshot(datasets, _checked(name), recursive=recursive))
        if not completed.ok:
            raise failure(Side.SOURCE, "zfs snapshot", completed, host=self.host, dataset=datasets[0])

    async def destroy_snapshots(self, dataset: str, snapshots: Sequence[str]) -> Destroyed:
        """Destroy snapshots of one dataset in batches; see the protocol.

        A batch is destroyed whole or not at all, so one that fails for the sake of some of its snapshots is gone
        through one by one.

        Raises:
            ValueError: if a name is no plain snapshot name, such as a range.
        """
        for snapshot in snapshots:
            _checked(snapshot)
        gone: list[str] = []
        skipped: list[tuple[str, str]] = []
        try:
            for start in range(0, len(snapshots), _DESTROYED_AT_ONCE):
                batch = snapshots[start : start + _DESTROYED_AT_ONCE]
                if await self._destroy(dataset, batch) is None:
                    gone += batch
                    continue
                for snapshot in batch:
                    reason = await self._destroy(dataset, [snapshot])
                    if reason is None:
                        gone.append(snapshot)
                    else:
                        skipped.append((snapshot, reason))
        except ZfspullError as error:
            return Destroyed(tuple(gone), tuple(skipped), error=error)
        return Destroyed(tuple(gone), tuple(skipped))

    async def _destroy(self, dataset: str, batch: Sequence[str]) -> str | None:
        """Destroy a batch; None if it is gone, else why one of it stays; what concerns more than those is raised."""
        completed = await self._run(commands.destroy_snapshots(dataset, batch, dry_run=False))
        # Of several, one that is missing says nothing about the others.
        if completed.ok or (len(batch) == 1 and says_destroyed(completed.stderr)):
            return None
        error = failure(Side.SOURCE, "zfs destroy", completed, host=self.host, dataset=dataset)
        if error.reason not in _ITS_OWN:
            raise error
        return error.reason

    async def bookmark(self, dataset: str, snapshot: str, name: str) -> None:
        """Bookmark a snapshot; fine if the bookmark is there."""
        await self._change(commands.bookmark(dataset, snapshot, _checked(name)), dataset, fine=("bookmark exists",))

    async def destroy_bookmark(self, dataset: str, name: str) -> None:
        """Destroy a bookmark, and never anything else; fine if it is gone."""
        await self._change(commands.destroy_bookmark(dataset, _checked(name)), dataset, fine=("does not exist",))

    async def hold(self, dataset: str, snapshot: str, tag: str) -> None:
        """Put a hold on a snapshot; fine if it is there."""
        await self._change(commands.hold(dataset, snapshot, tag), dataset, fine=("tag already exists",))

    async def release(self, dataset: str, snapshot: str, tag: str) -> None:
        """Take a hold from a snapshot; fine if there is none."""
        fine = ("no such tag", "does not exist")
        await self._change(commands.release(dataset, snapshot, tag), dataset, fine=fine)

    async def check_release(self, dataset: str) -> None:
        """See that what is held there can be released again; root may, and others if `zfs allow` mentions it."""
        user = self._connection.login.user
        if user == "root" or len(self._zfs) > 1:  # sudo
            return
        completed = await self._run(commands.allow(dataset))
        if not completed.ok:
            raise failure(Side.SOURCE, "zfs allow", completed, host=self.host, dataset=dataset)
        if not re.search(r"\brelease\b", completed.stdout):
            raise PermanentError(
                "permission denied, as `zfs allow` does not mention `release`: what can't be released is not held",
                hint=f"on the source: zfs allow -u {user} hold,release {dataset}",
                host=self.host,
                dataset=dataset,
                reason="permission",
            )

    async def list_holds(self, snapshots: Sequence[str]) -> tuple[Hold, ...]:
        """The holds on snapshots, by one command for some hundreds of them; one that is gone has none."""
        found: tuple[Hold, ...] = ()
        for start in range(0, len(snapshots), _HOLDS_AT_ONCE):
            completed = await self._run(commands.holds(snapshots[start : start + _HOLDS_AT_ONCE]))
            if not completed.ok and not says_missing(completed.stderr):
                raise failure(Side.SOURCE, "zfs holds", completed, host=self.host)
            try:
                found += parse_holds(completed.stdout)
            except ListingError as error:
                raise PermanentError(str(error), host=self.host, reason="listing") from error
        return found

    async def _change(self, words: Sequence[str], dataset: str, *, fine: tuple[str, ...]) -> None:
        """Run a command that changes something on the source, perhaps with others; see `Bookkeeping`."""
        await self._books.make(Change(tuple(words), dataset, fine))

    async def estimate(self, step: Step) -> int | None:
        """Bytes that the step's stream will have, None where ZFS can't say."""
        completed = await self._run(commands.dry_run(_send_words(step)))
        return stream_size_bytes(completed.stdout + completed.stderr) if completed.ok else None

    async def send(self, step: Step, sink: Sink, expect: Callable[[int], None]) -> Ended:
        """Stream the step into `sink`; see the protocol."""
        await see_plain(step, self._listings, host=self.host)

        def heard(stderr: str) -> None:
            if (size := stream_size_bytes(stderr)) is not None:
                expect(size)

        words = [*self._zfs, *_send_words(step)]
        return await self._connection.stream(words, sink, limiter=self._limiter, on_stderr=heard)

    async def _list(self, words: Sequence[str]) -> Completed:
        return await self._run(words, max_output_bytes=MAX_LISTING_BYTES)

    async def _run(self, words: Sequence[str], *, max_output_bytes: int = MAX_ANSWER_BYTES) -> Completed:
        return await self._connection.run(
            [*self._zfs, *words], timeout_seconds=self._timeout, max_output_bytes=max_output_bytes
        )


def _checked(name: str) -> str:
    if error := snapshot_name_error(name):
        raise ValueError(error)
    return name


def _send_words(step: Step) -> list[str]:
    if step.token is not None:
        return commands.send_resume(step.token, embedded=step.embedded)
    return commands.send(step.source, step.to, step.base, intermediate=step.kind == "range", embedded=step.embedded)
