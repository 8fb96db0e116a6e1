"""Looks that are taken once, however many ask for them; one that failed fails for all who ask, with the same error."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar


_P = ParamSpec("_P")
_T = TypeVar("_T")


def once(look: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Awaitable[_T]]:
    """Take a look once for each object and set of arguments; one who waits no longer does not end it for the others."""

    @functools.wraps(look)
    async def looked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        scene: Any = args[0]
        key = (look.__name__, *args[1:], *kwargs.items())
        if key not in scene.taken:
            scene.taken[key] = asyncio.ensure_future(look(*args, **kwargs))
        result: _T = await asyncio.shield(scene.taken[key])
        return result

    return looked


@dataclass
class Looks:
    """What keeps the looks that were taken; whoever made it closes it."""

    taken: dict[Any, asyncio.Future[Any]] = field(default_factory=dict, init=False, repr=False)

    async def close(self) -> None:
        """End the looks that nobody waits for any more."""
        for look in self.taken.values():
            look.cancel()
        await asyncio.gather(*self.taken.values(), return_exceptions=True)
