"""What is done for those who ask over the control socket: one method for each command of `protocol.COMMANDS`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import zfspull
from zfspull.daemon import protocol
from zfspull.events import Trigger


if TYPE_CHECKING:
    from zfspull.daemon.protocol import Message
    from zfspull.daemon.prunes import Prunes
    from zfspull.daemon.runs import Runs
    from zfspull.events import ConfigLoaded


class Desk:
    """Answers requests that `protocol.read_request` has checked.

    Args:
        runs: to start, follow and cancel.
        prunes: to start and follow.
        reload: loads the configuration anew.
        snapshot: the status board's picture of this moment.
    """

    def __init__(
        self,
        runs: Runs,
        prunes: Prunes,
        *,
        reload: Callable[[], Awaitable[ConfigLoaded]],
        snapshot: Callable[[], dict[str, Any]],
    ) -> None:
        self._runs = runs
        self._prunes = prunes
        self._reload = reload
        self._snapshot = snapshot
        self._commands: dict[str, Callable[[Message], Awaitable[object]]] = {
            "ping": self._ping,
            "status": self._status,
            "reload": self._reload_config,
            "pull": self._pull,
            "prune": self._prune,
            "cancel": self._cancel,
        }

    def queue(self) -> Message:
        """What runs and what waits."""
        return {"running": list(self._runs.running), "queue": list(self._runs.waiting)}

    async def answer(self, request: Message) -> object:
        """Do what is asked for; see `control.Commands`."""
        return await self._commands[request["command"]](request)

    async def _ping(self, _: Message) -> object:
        return {"pid": os.getpid(), "version": zfspull.__version__, "protocol": protocol.VERSION}

    async def _status(self, _: Message) -> object:
        return {**self._snapshot(), "daemon": {"pid": os.getpid(), "version": zfspull.__version__}}

    async def _reload_config(self, _: Message) -> object:
        loaded = await self._reload()
        return {"ok": loaded.ok, "jobs": len(self._runs.generation.config.jobs), "message": loaded.message}

    async def _pull(self, request: Message) -> object:
        if request["follow"]:
            return self._runs.follow(request["job"])
        self._runs.want(request["job"], Trigger.OPERATOR)
        return self.queue()

    async def _prune(self, request: Message) -> object:
        job = self._runs.job(request["job"])
        generation = self._runs.generation
        return self._prunes.start(job, generation, dry_run=request["dry_run"], confirmed=request["confirm"])

    async def _cancel(self, request: Message) -> object:
        waited, runs = self._runs.cancel(request["job"])
        return {"waited": waited, "runs": runs}
