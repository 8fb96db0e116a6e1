"""The largest of recent values, in constant space: so that a peak between two scrapes is still seen."""

from __future__ import annotations


class RecentMax:
    """The largest value noted within the last `window_seconds`, or up to twice that.

    Two windows are kept, the current one and the one before: several readers may ask at any pace and see the same.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._index = 0
        self._current = 0.0
        self._previous = 0.0

    def note(self, value: float, now_seconds: float) -> None:
        """Take note of `value`, seen at `now_seconds` of a clock that only grows."""
        self._turn(now_seconds)
        self._current = max(self._current, value)

    def value(self, now_seconds: float) -> float:
        """The largest recent value, 0 if there was none."""
        self._turn(now_seconds)
        return max(self._current, self._previous)

    def _turn(self, now_seconds: float) -> None:
        index = int(now_seconds // self._window_seconds)
        if index == self._index:
            return
        self._previous = self._current if index == self._index + 1 else 0.0
        self._current, self._index = 0.0, index
