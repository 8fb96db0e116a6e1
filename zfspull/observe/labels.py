"""What may stand in a metric's label: closed sets, and what becomes of a value that is in none of them."""

from __future__ import annotations

import re

from zfspull.events import SOURCE, TARGET
from zfspull.plan.steps import Reason
from zfspull.zfs.texts import TABLE, Verdict


OTHER = "other"
_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")

REFUSAL_REASONS = frozenset(reason.value for reason in Reason)
"""Why the planner refuses a dataset."""

STALL_REASONS = frozenset({f"stalled_{SOURCE}", f"stalled_{TARGET}"})
"""What a stream is given up for that has stood still too long: by the side that was to move next."""

RETRY_REASONS = STALL_REASONS | {row.reason for row in TABLE if row.verdict in {Verdict.RETRY, Verdict.DISCARD}}
"""Why a step is tried again: what zfs(8) says, and stalls. What the network adds appears with its first occurrence."""

SIDES = frozenset({"source", "target", "link"})
"""Where a step can fail."""


def label(value: str) -> str:
    """`value` as valid UTF-8: one lone surrogate in a name must not break the whole exposition."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def reason_label(reason: str) -> str:
    """`reason` if it is a token as in `zfspull.errors`, else "other": free text is no label."""
    return reason if _REASON.fullmatch(reason) else OTHER


def side_label(side: str) -> str:
    """`side` if it is one of `SIDES`, else "other"."""
    return side if side in SIDES else OTHER
