"""The configuration as it takes effect, as JSON: attributes with their units, defaults filled in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel

from zfspull.config.decisions import MISSING_AFTER, MaxDestroy
from zfspull.config.readers import Listen, SourceName
from zfspull.config.schema import Config
from zfspull.plan.missing import Missing
from zfspull.plan.schedule import CronSchedule, EverySchedule
from zfspull.plan.space import LowSpace


def config_shape(config: Config) -> dict[str, Any]:
    """All hosts, jobs and settings; keys of durations and rates carry their units."""
    return {
        "sources": list(config.sources),
        "hosts": {name: plain(host) for name, host in config.hosts.items()},
        "target": plain(config.target),
        "http": plain(config.http),
        "limits": plain(config.limits),
        "jobs": {name: plain(job) for name, job in config.jobs.items()},
    }


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON
    """`value` as JSON has it; what people write as one word stays one."""
    for kinds, turn in _TURNS:
        if isinstance(value, kinds):
            return turn(value)
    return value


def _fields(shape: BaseModel) -> dict[str, Any]:
    return {_KEYS.get(name, name): plain(getattr(shape, name)) for name in type(shape).model_fields}


def _listen(listen: Listen) -> str:
    return f"[{listen.address}]:{listen.port}" if ":" in listen.address else f"{listen.address}:{listen.port}"


def _low_space(low: LowSpace) -> str | int | None:
    return low.size_bytes if low.share is None else f"{100 * low.share:g}%"


def _missing(missing: Missing) -> str | dict[str, float]:
    key = {action: key for key, action in MISSING_AFTER.items()}.get(missing.action)
    return {f"{key}_seconds": missing.after_seconds} if key else missing.action.value


_TURNS: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((BaseModel,), _fields),
    ((CronSchedule, EverySchedule), lambda schedule: schedule.text),
    ((SourceName,), lambda source: f"{source.host}:{source.dataset}"),
    ((Listen,), _listen),
    ((MaxDestroy,), lambda most: most.count if most.share is None else f"{100 * most.share:g}%"),
    ((LowSpace,), _low_space),
    ((Missing,), _missing),
    ((Enum,), lambda member: member.value),
    ((Mapping,), lambda values: {str(key): plain(value) for key, value in values.items()}),
    ((tuple, list), lambda values: [plain(value) for value in values]),
)

_KEYS = {"origin": "source", "keep_shape": "keep", "everything": "all", "keep_source_shape": "keep_source"}
"""Attributes that are called otherwise in files."""
