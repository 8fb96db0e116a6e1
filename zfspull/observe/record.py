"""Events as JSON objects and back: for the control socket, the history and JSON logs.

A record has the event's class name under "type" and its fields beside it. What comes back in is checked field by
field: it may come from another version or from a stranger.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, get_type_hints

from zfspull import events
from zfspull.events import Event, Outcome, Trigger


EVENT_TYPES: Mapping[str, type[Event]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
"""Every kind of event, by the name it has in a record."""


def to_record(event: Event) -> dict[str, Any]:
    """The event as a dict that `json.dumps` takes."""
    record: dict[str, Any] = {"type": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, tuple):
            record[field.name] = list(value)
        else:
            record[field.name] = value.value if isinstance(value, StrEnum) else value
    return record


def from_record(record: object) -> Event:
    """The event that `to_record` made `record` of.

    Raises:
        ValueError: not an object, an unknown type, a field too many or too few, or of the wrong type.
    """
    if not isinstance(record, dict):
        raise ValueError(f"an event record is an object, not {type(record).__name__}")  # noqa: TRY004 - one error for all
    name = record.get("type")
    kind = EVENT_TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"no event is called {name!r}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    given = {key: value for key, value in record.items() if key != "type"}
    if strange := sorted(str(key) for key in given.keys() - fields.keys()):
        raise ValueError(f"{name} has no field {', '.join(strange)}")
    required = {key for key, field in fields.items() if field.default is dataclasses.MISSING}
    if missing := sorted(required - given.keys()):
        raise ValueError(f"{name} lacks the field {', '.join(missing)}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {key: _checked(f"{name}.{key}", value, hints[key]) for key, value in given.items()}
    return kind(**values)


def _checked(where: str, value: object, hint: object) -> object:
    try:
        return _READERS[hint](value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} can't be {value!r:.80}") from error


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise TypeError


def _whole_or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    raise TypeError


# Every type that a field of an event has. A test holds that none is missing.
_READERS: Mapping[object, Callable[[object], object]] = {
    str: _text,
    bool: _flag,
    int: _whole,
    float: _number,
    int | None: _whole_or_none,
    float | None: _number_or_none,
    tuple[str, ...]: _texts,
    Outcome: lambda value: Outcome(_text(value)),
    Trigger: lambda value: Trigger(_text(value)),
}
