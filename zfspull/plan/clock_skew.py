"""How far the clocks of the two hosts are apart, by what it costs nothing to know: a snapshot that was just taken.

Its `creation` is the source's time, in whole seconds, at a moment between two looks at the clock here.
"""

from __future__ import annotations


TOLERATED_SECONDS = 60.0
"""Clocks that are further apart are told of; those that NTP keeps are not off by a second."""


def skew_seconds(before: float, creation: int, after: float) -> float:
    """The least by which the source's clock must be ahead of the one here (behind if negative) to explain `creation`.

    Args:
        before: this machine's clock before the snapshot was asked for, seconds since the epoch.
        creation: the snapshot's time by the source, cut to whole seconds.
        after: this machine's clock once it was taken.

    Returns:
        0.0 if the clocks may agree.
    """
    if creation > after:
        return creation - after
    return min(0.0, creation + 1 - before)
