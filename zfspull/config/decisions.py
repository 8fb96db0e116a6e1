"""Readers of what a job decides beforehand: how much may be destroyed, and what becomes of what is gone or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zfspull.config.readers import from_quantity, positive, show
from zfspull.config.units import format_duration, parse_duration, parse_size
from zfspull.plan.missing import ASIDE_AFTER_SECONDS, LEAST_DESTROY_AFTER_SECONDS, Missing, MissingAction
from zfspull.plan.policy import REMEDIES
from zfspull.plan.space import LowSpace
from zfspull.plan.steps import Reason, RemedyKind


@dataclass(frozen=True, slots=True)
class MaxDestroy:
    """How many snapshots one run may destroy: a `count`, or a `share` (0 to 1) of those there are; one is None."""

    count: int | None = None
    share: float | None = None


def max_destroy(value: object) -> MaxDestroy:
    """A number of snapshots or a share in per cent."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return MaxDestroy(count=value)
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%", value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"is {show(value)}; must be a number of snapshots (20) or a share of them (50%)")
    return MaxDestroy(share=float(match[1]) / 100)


MISSING_AFTER: Mapping[str, MissingAction] = {
    "destroy_after": MissingAction.DESTROY,
    "rename_aside_after": MissingAction.RENAME_ASIDE,
}
_MISSING = "must be keep, rename_aside, {rename_aside_after: 30d} or {destroy_after: 90d}"


def missing(value: object) -> Missing:
    """What becomes of datasets that are gone on the source."""
    if value == MissingAction.KEEP.value:
        return Missing()
    if value == MissingAction.RENAME_ASIDE.value:
        return Missing(MissingAction.RENAME_ASIDE, ASIDE_AFTER_SECONDS)
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= MISSING_AFTER.keys():
        raise ValueError(f"is {show(value)}; {_MISSING}")
    ((key, after),) = value.items()
    seconds = positive(from_quantity(parse_duration)(after))
    action = MISSING_AFTER[key]
    if action is MissingAction.DESTROY and seconds < LEAST_DESTROY_AFTER_SECONDS:
        raise ValueError(
            f"{key} must be at least {format_duration(LEAST_DESTROY_AFTER_SECONDS)}, is {show(after)}: "
            "somebody must have had the time to look"
        )
    return Missing(action, seconds)


def low_space(value: object) -> LowSpace:
    """A size in bytes, or a share in per cent."""
    if not isinstance(value, str):
        raise ValueError(f"is {show(value)}; must be a share of the pool (5%) or a size with its unit (200 GiB)")  # noqa: TRY004 - pydantic collects ValueErrors
    if not value.rstrip().endswith("%"):
        return LowSpace(size_bytes=parse_size(value))
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%", value.strip())
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"{value!r} is no share; write for example 5%, or 0% for never")
    return LowSpace(share=float(match[1]) / 100)


def resolutions(value: object) -> dict[Reason, RemedyKind]:
    """For some refusals, the one way in which each can be resolved without a person."""
    if not isinstance(value, dict):
        raise ValueError(f"is {show(value)}; must be a mapping such as {{target_modified: rollback}}")  # noqa: TRY004 - pydantic collects ValueErrors
    known = {reason.value: remedy.value for reason, remedy in REMEDIES.items()}
    for reason, remedy in value.items():
        if reason not in known:
            raise ValueError(f"{show(reason)} can't be resolved without a person; these can: {', '.join(known)}")
        if remedy != known[reason]:
            raise ValueError(f"{reason} can only be resolved by {known[reason]}, not by {show(remedy)}")
    return {Reason(reason): RemedyKind(remedy) for reason, remedy in value.items()}
