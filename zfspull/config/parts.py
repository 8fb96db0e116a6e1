"""The parts of a job that have a shape of their own: what to keep, which snapshots, how to try again.

They may stand in a job and in the defaults. Everything else about their form is said in `schema`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from zfspull.config.values import Count, Duration, Flag, OneOrMany, OneOrManySchema, Prefix, Regex, Timeout
from zfspull.plan.retention import Keep as KeepRules
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
        default=(), description="All whose name a regex matches."
    )

    @model_validator(mode="after")
    def _check(self) -> Keep:
        if not any(self.__dict__.values()):
            raise ValueError("would keep nothing but the guards; leave keep out to keep everything")
        if self.within_seconds != int(self.within_seconds):
            raise ValueError("within must be whole seconds")
        return self

    @property
    def rules(self) -> KeepRules:
        """The same, as retention knows it."""
        return KeepRules(**{**self.__dict__, "within_seconds": int(self.within_seconds)})


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
