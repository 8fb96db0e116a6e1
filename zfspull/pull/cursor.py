"""The cursor of one dataset, moved on the source with each verified step: the new one before, the old ones after.

What the source does not permit is found out by trying, told once, and not tried again while the daemon runs. A cursor
that could not be moved is no failure of the run: the base is then as safe as the source's own snapshots are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial

from zfspull.errors import ZfspullError
from zfspull.events import CursorMoved, Noticed
from zfspull.plan.cursors import CursorKind, Owner
from zfspull.plan.steps import DatasetPlan, Step
from zfspull.pull.context import Context
from zfspull.pull.sweep import Sweep
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Hold, Snapshot
from zfspull.zfs.names import MAX_NAME_BYTES


MAX_UNPROVEN = 5
"""So many bookmarks, and so many holds, are left for a dataset while none stands for anything that the replica has:
beside that of a replica that may come back (its pool plugged in again, its name given back) those of first sends that
failed."""


class Cursor:
    """Keeps the base of one dataset usable.

    Args:
        kind: what the job may leave on the source.
        owner: whose cursors they are.
        plan: the dataset.
        context: the surroundings.
        tally: the run's books.
        sweep: takes the old bookmarks away.
        held: what is held there for this replica.
    """

    def __init__(
        self,
        kind: CursorKind,
        owner: Owner,
        plan: DatasetPlan,
        context: Context,
        tally: Tally,
        *,
        sweep: Sweep,
        held: Sequence[Hold] = (),
    ) -> None:
        self._kind = kind
        self._owner = owner
        self._plan = plan
        self._context = context
        self._tally = tally
        self._sweep = sweep
        self._made = [bookmark.name for bookmark in plan.cursors]
        self._of_base = [bookmark.name for bookmark in plan.cursors if plan.base and bookmark.guid == plan.base.guid]
        self._held = [*held]
        self._held_by_us: set[str] = set()
        base = plan.steps[0].base if plan.steps else plan.uncovered
        # Whether a mark stands for something that was seen on the target, and whether the next one will.
        self._proven = bool(self._of_base) or (isinstance(base, Snapshot) and base.holds > 0)
        self._arrived = self._proven

    async def secure(self, step: Step) -> None:
        """Bookmark the snapshot that is to be sent: long before the stream if need be, with those of other datasets.

        Before the stream and not after it: else the source could prune the snapshot as soon as it has arrived, and
        the two sides would have nothing in common. That the bookmark is of the right snapshot needs no look: were
        another one under the name by now, that one would be sent, and its guid would not be the one planned.

        A first send that is followed by another step is left to `keep`.
        """
        if not self._is_passing(step):
            await self._bookmark(step.to)

    async def keep(self, step: Step) -> None:
        """Hold the snapshot whose stream is about to start if it is a first send, or the rest of one.

        Right before the stream: a hold keeps the source from pruning, and those of a run that died may stay. Where
        another step follows, the hold lasts until that one has arrived and needs no bookmark beside it.
        """
        if step.creates and not await self._hold(step.to):
            await self._bookmark(step.to)

    async def move(self, step: Step) -> None:
        """Let the cursor stand for what `step` brought; the older ones go with the next step, or after the last one."""
        self._arrived = True
        name = self._owner.bookmark(step.to.guid)
        if name in self._made or (not self._is_passing(step) and await self._bookmark(step.to)):
            self._tell_moved(f"#{name}")
            self._of_base, self._proven = [name], True
            await self._release(self._held)
            if step is self._plan.steps[-1]:
                await self._retire(name)
        elif await self._hold(step.to):
            self._proven = True
            await self._release([hold for hold in self._held if hold != self._of(step.to)])
            self._tell_moved(step.to.mark)

    async def cover(self, base: Snapshot) -> None:
        """Make a cursor for the base of a dataset that is up to date; a base that is held is as good as covered."""
        self._arrived = True
        if await self._bookmark(base):
            name = self._owner.bookmark(base.guid)
            self._tell_moved(f"#{name}")
            await self._release(self._held)
            await self._retire(name)
        elif not base.holds and await self._hold(base):
            self._tell_moved(base.mark)

    def _is_passing(self, step: Step) -> bool:
        """Whether what `step` brings is the base of this run's next step only, and a hold can stand for it so long."""
        return step.creates and step is not self._plan.steps[-1] and self._may("hold") and self._may("release")

    async def _bookmark(self, snapshot: Snapshot) -> bool:
        """Make the bookmark; returns whether it is there.

        Where a mark stands for the base, all other bookmarks go first. Else none goes: no replica that was seen needs
        them, but one may come back that does. Where older ones can't be taken away, or nothing has arrived for long, no
        more are made, or they would pile up.
        """
        name = self._owner.bookmark(snapshot.guid)
        if not self._may("bookmark"):
            return False
        if self._proven:
            await self._destroy([old for old in self._made if old != name and old not in self._of_base])
        if name in self._made:
            return True
        if self._are_too_many() or len(f"{self._plan.source}#{name}".encode()) > MAX_NAME_BYTES:
            return False
        if not await self._try("bookmark", self._context.source.bookmark(self._plan.source, snapshot.name, name)):
            return False
        self._made.append(name)
        return True

    def _are_too_many(self) -> bool:
        """Whether one more would be one too many, for all that is known of what becomes of those that there are."""
        if self._made and not self._may("destroy"):
            return True
        return not self._arrived and len(self._made) >= MAX_UNPROVEN

    async def _retire(self, name: str) -> None:
        """Have all bookmarks but `name` taken away: it stands for what was seen on the target."""
        if stale := [old for old in self._made if old != name]:
            await self._sweep.add(partial(self._destroy, stale))

    async def _destroy(self, stale: list[str]) -> None:
        for name in stale:
            if self._may("destroy"):
                gone = self._context.source.destroy_bookmark(self._plan.source, name)
                if await self._try("destroy", gone):
                    self._made.remove(name)

    async def _hold(self, snapshot: Snapshot) -> bool:
        """Hold the snapshot; returns whether it is held. What could not be released again is not held at all."""
        source, dataset = self._context.source, self._plan.source
        if snapshot.name in self._held_by_us:
            return True
        if not self._may("hold") or not self._may("release"):
            return False
        if not self._arrived and len({*self._held} - {self._of(snapshot)}) >= MAX_UNPROVEN:
            return False
        if "release" not in self._context.permitted:
            if not await self._try("release", source.check_release(dataset)):
                return False
            self._context.permitted.add("release")
        if not await self._try("hold", source.hold(dataset, snapshot.name, self._owner.hold)):
            return False
        self._held_by_us.add(snapshot.name)
        if self._of(snapshot) not in self._held:
            self._held.append(self._of(snapshot))
        return True

    def _of(self, snapshot: Snapshot) -> Hold:
        """Our hold on it."""
        return Hold(f"{self._plan.source}{snapshot.mark}", self._owner.hold)

    async def _release(self, holds: list[Hold]) -> None:
        for hold in tuple(holds):
            if self._may("release"):
                dataset, _, name = hold.snapshot.partition("@")
                if await self._try("release", self._context.source.release(dataset, name, hold.tag)):
                    self._held.remove(hold)

    def _may(self, verb: str) -> bool:
        """Whether the job grants it and the source has not refused it."""
        return self._kind in _GRANTED[verb] and self._refusal(verb) not in self._context.refused

    def _refusal(self, verb: str) -> str:
        """Delegation goes by dataset: what one job may not do, another one may."""
        return f"{verb} {self._owner.tag}"

    async def _try(self, verb: str, attempt: Awaitable[None]) -> bool:
        """Whether it was done; a refusal for want of permission is told once."""
        try:
            await attempt
        except ZfspullError as error:
            # Datasets are pulled side by side: another one may have met the same refusal meanwhile.
            if self._may(verb):
                self._tell(verb, error)
            if error.reason in _LASTING:
                self._context.refused.add(self._refusal(verb))
            return False
        return True

    def _tell(self, verb: str, error: ZfspullError) -> None:
        message = f"no cursor by `zfs {verb}` on host {self._context.source.host}: {error.message}"
        self._tally.emit(Noticed, reason=f"cursor_{verb}", message=message, dataset=self._plan.target)

    def _tell_moved(self, cursor: str) -> None:
        self._tally.emit(CursorMoved, dataset=self._plan.target, cursor=cursor)


_GRANTED: dict[str, tuple[CursorKind, ...]] = {
    "bookmark": (CursorKind.AUTO, CursorKind.BOOKMARK),
    "destroy": (CursorKind.AUTO, CursorKind.BOOKMARK, CursorKind.HOLD),
    "hold": (CursorKind.AUTO, CursorKind.HOLD),
    "release": (CursorKind.AUTO, CursorKind.BOOKMARK, CursorKind.HOLD),
}
"""By verb: the kinds of cursor for which a job grants it; to take away what is its own, each."""

_LASTING = frozenset({"permission", "feature", "unknown"})
"""Why a source refuses that will refuse the next time too; unknown texts come from sudo, or a command that filters."""
