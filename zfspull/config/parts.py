"""The parts of a job that have a shape of their own: what to keep, which snapshots, how to try again.

They may stand in a job and in the defaults. Everything else about their form is said in `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WrapValidator, model_validator

from zfspull.config.values import Count, Duration, Flag, OneOrMany, OneOrManySchema, Prefix, Regex, Timeout
from zfspull.plan.retention import Keep as KeepRules
from zfspull.plan.retention import Retention, RuleSet
from zfspull.plan.snapshot_names import taken_name


class Shape(BaseModel):
    """What all shapes have in common: values that never change, and no keys but the known ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Keep(Shape):
    """What to keep on the target; what no rule keeps is destroyed. Leave `keep` out to keep everything."""

    last: Count = Field(default=0, description="The newest snapshots.")
    hourly: Count = Field(default=0, description="The newest of each of the last hours that have any.")
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0
    within_seconds: Duration = Field(
        default=0.0, alias="within", description="All that are no older than this, such as 14d."
    )
    matching: Annotated[tuple[Regex, ...], OneOrMany, OneOrManySchema] = Field(
        default=(), description="All in whose name a regex is found; of several, any."
    )
    not_matching: Annotated[tuple[Regex, ...], OneOrMany, OneOrManySchema] = Field(
        default=(), description="All in whose name a regex is not found; of several, none."
    )

    @model_validator(mode="after")
    def _check(self) -> Keep:
        self._check_rules(self._rules())
        return self

    def _check_rules(self, rules: Mapping[str, Any]) -> None:
        if not any(rules.values()):
            raise ValueError("would keep nothing but the guards; leave keep out to keep everything")
        if self.within_seconds != int(self.within_seconds):
            raise ValueError("within must be whole seconds")

    def _rules(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Keep.model_fields}

    @property
    def rules(self) -> KeepRules:
        """The same, as retention knows it."""
        return KeepRules(**{**self._rules(), "within_seconds": int(self.within_seconds)})


class KeepSet(Keep):
    """Rules for the snapshots with certain names, where `keep` is a list; what no set matches stays."""

    snapshots: Regex = Field(description="The set judges, and counts, only those in whose name this regex is found.")
    everything: Flag = Field(default=False, alias="all", description="Keep all that match, for ever.")

    def _check_rules(self, rules: Mapping[str, Any]) -> None:
        if not self.everything:
            super()._check_rules(rules)
        elif any(rules.values()):
            raise ValueError("all: true keeps everything that matches; leave the other rules of the set out")

    @property
    def rule_set(self) -> RuleSet:
        """The same, as retention knows it."""
        return RuleSet(None if self.everything else self.rules, self.snapshots)


_SETS = TypeAdapter(tuple[KeepSet, ...])


def _one_keep_or_sets(value: object, _: object) -> Keep | tuple[KeepSet, ...]:
    # By hand, for a union would tell the mistakes of both.
    if isinstance(value, Mapping) and not value.keys().isdisjoint({"snapshots", "all"}):
        raise ValueError("rule sets stand in a list: keep: [{snapshots: _hourly$, hourly: 48}]")
    if not isinstance(value, list | tuple):
        return Keep.model_validate(value)
    sets = _SETS.validate_python(value)
    Retention(tuple(one.rule_set for one in sets))
    return sets


Keeps = Annotated[
    Keep | Annotated[tuple[KeepSet, ...], Field(min_length=1)],
    WrapValidator(_one_keep_or_sets),
]
"""Rules for all snapshots, or a list of rule sets."""


def retention(keep: Keep | tuple[KeepSet, ...] | None) -> Retention | None:
    """What was written as `keep`, as retention knows it; None to keep everything."""
    if keep is None:
        return None
    return Retention((RuleSet(keep.rules),) if isinstance(keep, Keep) else tuple(one.rule_set for one in keep))


class Mirror(Shape):
    """Keep what the source has, and what it lost only just now; without `keep`, that alone decides."""

    snapshots: Flag = Field(description="Keep the snapshots that the source has, and let go of those that it has not.")
    grace_seconds: Timeout = Field(
        default=7 * 86_400.0, alias="grace", description="For how long what is gone there is kept here."
    )


class Snapshots(Shape):
    """Which snapshots are pulled, and whether the job takes some before."""

    take: Flag = Field(default=False, description="Take a snapshot on the source before each pull.")
    match: Regex | None = Field(default=None, description="Pull only snapshots whose name this matches.")
    prefix: Prefix = Field(default="zfspull", description="Snapshots taken are called PREFIX_2026-11-21_10:30:05Z.")
    skip_if_unwritten: Flag = Field(default=False, description="Take none where nothing was written since the last.")

    @model_validator(mode="after")
    def _check(self) -> Snapshots:
        example = taken_name(self.prefix, datetime(2026, 11, 21, 10, 30, 5, tzinfo=UTC).timestamp())
        if self.take and self.match is not None and not re.search(self.match, example):
            raise ValueError(f"match {self.match!r} would not pull what take takes, such as {example!r}")
        return self


class Retry(Shape):
    """How often and when to try again after a transient error; the wait doubles each time."""

    attempts: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(default=5, description="The first one included.")
    initial_seconds: Timeout = Field(default=5.0, alias="initial")
    maximum_seconds: Timeout = Field(default=300.0, alias="maximum")

    @model_validator(mode="after")
    def _check(self) -> Retry:
        if self.initial_seconds > self.maximum_seconds:
            raise ValueError("initial is longer than maximum")
        return self
