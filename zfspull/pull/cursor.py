"""The cursor of one dataset, moved on the source after each verified step: the new one first, the old ones after.

What the source does not permit is found out by trying, told once, and not tried again while the daemon runs. A cursor
that could not be moved is no failure of the run: the base is then as safe as the source's own snapshots are.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

from zfspull.config.schema import Job
from zfspull.errors import PermanentError, ZfspullError
from zfspull.events import CursorMoved, Noticed
from zfspull.plan.cursors import CursorKind, Owner, replica_tag
from zfspull.plan.policy import Policy
from zfspull.plan.steps import DatasetPlan, Step, StepKind
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.zfs.model import Snapshot


def owner(job: Job, context: Context) -> Owner | None:
    """Whose cursors a run moves; None if the job leaves nothing on the source."""
    if job.cursor is CursorKind.NONE or not context.machine:
        return None
    return Owner(job.name, replica_tag(context.machine, job.target))


def tagged(policy: Policy, owner: Owner | None) -> Policy:
    """The policy that lets plans know the cursors of `owner`."""
    return replace(policy, tag=owner.tag) if owner else policy


class Cursor:
    """Keeps the base of one dataset usable.

    Args:
        kind: what the job may leave on the source.
        owner: whose cursors they are.
        plan: the dataset.
        context: the surroundings.
        tally: the run's books.
    """

    def __init__(self, kind: CursorKind, owner: Owner, plan: DatasetPlan, context: Context, tally: Tally) -> None:
        self._kind = kind
        self._owner = owner
        self._plan = plan
        self._context = context
        self._tally = tally
        self._old = {bookmark.name for bookmark in plan.cursors}
        self._held = plan.base

    async def secure(self, step: Step) -> None:
        """Hold the snapshot that is about to be sent, if sending may take long: a first send, or the rest of one."""
        if step.creates and self._may("hold", CursorKind.HOLD):
            await self._try("hold", self._context.source.hold(self._plan.source, step.to.name, self._owner.hold))

    async def move(self, step: Step) -> None:
        """Let the cursor stand for what `step` brought, and take the older ones away."""
        done = await self._bookmark(step.to) or await self._hold(step.to)
        if step.kind in (StepKind.FULL, StepKind.RESUME) and done == "bookmark":
            await self._release(step.to)

    async def _bookmark(self, snapshot: Snapshot) -> str:
        """Make the bookmark and take older ones away; returns "bookmark", or "" if that is not possible."""
        source, dataset = self._context.source, self._plan.source
        name = self._owner.bookmark(snapshot.guid)
        stale = sorted(self._old - {name})
        if not self._may("bookmark", CursorKind.BOOKMARK) or (
            stale and not self._may("destroy", CursorKind.BOOKMARK) and self._may("hold", CursorKind.HOLD)
        ):
            return ""
        if name not in self._old and not await self._try("bookmark", source.bookmark(dataset, snapshot.name, name)):
            return ""
        self._old.add(name)
        for old in stale:
            if not self._may("destroy", CursorKind.BOOKMARK):
                break
            if await self._try("destroy", source.destroy_bookmark(dataset, old)):
                self._old.discard(old)
        self._tally.emit(CursorMoved, dataset=self._plan.target, cursor=f"#{name}")
        return "bookmark"

    async def _hold(self, snapshot: Snapshot) -> str:
        """Hold the snapshot and release the older one; returns "hold", or "" if that is not possible."""
        source, dataset, tag = self._context.source, self._plan.source, self._owner.hold
        if not self._may("hold", CursorKind.HOLD) or not await self._try(
            "hold", source.hold(dataset, snapshot.name, tag)
        ):
            return ""
        if self._held is not None and self._held.guid != snapshot.guid:
            await self._release(self._held)
        self._held = snapshot
        self._tally.emit(CursorMoved, dataset=self._plan.target, cursor=f"@{snapshot.name}")
        return "hold"

    async def _release(self, snapshot: Snapshot) -> None:
        if self._may("hold", CursorKind.HOLD):
            await self._try("release", self._context.source.release(self._plan.source, snapshot.name, self._owner.hold))

    def _may(self, verb: str, kind: CursorKind) -> bool:
        """Whether the job grants it and the source has not refused it."""
        granted = self._kind in (CursorKind.AUTO, kind)
        return granted and verb not in self._context.refused

    async def _try(self, verb: str, attempt: Awaitable[None]) -> bool:
        """Whether it was done; a refusal for want of permission is told once."""
        try:
            await attempt
        except PermanentError as error:
            if verb not in self._context.refused:
                self._context.refused.add(verb)
                self._tell(verb, error)
            return False
        except ZfspullError as error:
            self._tell(verb, error)
            return False
        return True

    def _tell(self, verb: str, error: ZfspullError) -> None:
        message = f"no cursor by `{verb}` on host {self._context.source.host}: {error.message}"
        self._tally.emit(Noticed, reason=f"cursor_{verb}", message=message, dataset=self._plan.target)
