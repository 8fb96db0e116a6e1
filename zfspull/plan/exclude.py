"""Which datasets of a tree a job leaves out, by patterns for paths below the job's root.

A pattern is anchored at the root and matches whole components: `*`, `?` and `[...]` stay within one component, `**`
stands for any number of them, none included; as the last component it stands for everything below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase


_ANY_DEPTH = "**"
_LEGAL = re.compile(r"[A-Za-z0-9_.:\- *?]+")
_BRACKETS = re.compile(r"\[!?[A-Za-z0-9_.:\- ]+\]")


def excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches `path` or something above it.

    Args:
        path: below the job's root, as in `vm/web/swap`; the root itself (`""`) is never excluded.
        patterns: that `pattern_error` finds nothing wrong with.
    """
    return bool(path) and any(_covers(pattern.split("/"), path.split("/")) for pattern in patterns)


def _covers(pattern: list[str], path: list[str]) -> bool:
    """Walk down the path with all places in the pattern that it may have reached; linear, whatever the pattern."""
    if pattern[-1] == _ANY_DEPTH:
        pattern = [*pattern, "*"]
    places = _with_skipped(pattern, {0})
    for component in path:
        reached = {place for place in places if pattern[place] == _ANY_DEPTH}
        reached |= {place + 1 for place in places - reached if fnmatchcase(component, pattern[place])}
        places = _with_skipped(pattern, reached)
        if len(pattern) in places:
            return True
    return False


def _with_skipped(pattern: list[str], places: set[int]) -> set[int]:
    """Those places and the ones behind them that are reached by letting `**` stand for nothing."""
    result = set(places)
    for place, component in enumerate(pattern):
        if place in result and component == _ANY_DEPTH:
            result.add(place + 1)
    return result


def pattern_error(pattern: str) -> str | None:
    """Why `pattern` can't be meant so, in words for a person; None if it can."""
    if not pattern:
        return "is empty; the job's root itself can't be excluded"
    if "@" in pattern or "#" in pattern:
        return "names a snapshot or bookmark; exclude chooses datasets"
    for component in pattern.split("/"):
        if error := _component_error(component):
            return error
    return None


def _component_error(component: str) -> str | None:
    if component in ("", ".", ".."):
        return f"has the empty or reserved component {component!r}; patterns begin below the job's root, without a '/'"
    if _ANY_DEPTH in component and component != _ANY_DEPTH:
        return f"has '**' within {component!r}; '**' stands for whole components, use '*' within one"
    if not _LEGAL.fullmatch(_BRACKETS.sub("?", component)):
        return f"has the component {component!r}, which can match no dataset; see zfs(8) for the characters of names"
    return None
