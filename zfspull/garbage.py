"""How often Python looks for garbage in cycles."""

from __future__ import annotations

import gc


_YOUNG_OBJECTS = 50_000
"""By itself Python looks after 700. A listing of a million snapshots makes millions of objects which all stay, and to
look through them again and again took a fifth of reading it (benchmarks: planning)."""


def collect_seldom() -> None:
    """Look for garbage less often, in the whole process; what is in no cycle goes at once all the same."""
    gc.set_threshold(_YOUNG_OBJECTS)
