"""The kinds of value that shapes are made of: for each its reader and the JSON Schema of what may be *written*."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from zfspull.config import decisions, readers
from zfspull.config.decisions import MaxDestroy
from zfspull.config.readers import LAST_PORT, NAME_PATTERN, Listen, SourceName
from zfspull.config.units import parse_duration
from zfspull.plan.missing import Missing
from zfspull.plan.policy import REMEDIES
from zfspull.plan.schedule import CronSchedule, EverySchedule
from zfspull.plan.space import LowSpace
from zfspull.plan.steps import Reason, RemedyKind


MOST_STREAMS = 6
"""From one host: sshd allows ten sessions on a connection, and streams, lasting for hours, leave some to commands."""

_DURATION = "^([0-9]+ *(?!M *([0-9]|$))[A-Za-z]+ *)+$|^0$"
"""A lone M is a month to systemd, and no unit here."""


def _schema(kind: str, *examples: object, **more: object) -> WithJsonSchema:
    shown = {"examples": list(examples)} if examples else {}
    return WithJsonSchema({"type": kind, **shown, **more})


_LIST_OF_WORDS: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "minItems": 1}

Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Streams = Annotated[int, Field(strict=True, ge=1, le=MOST_STREAMS)]
Port = Annotated[int, Field(strict=True, ge=1, le=LAST_PORT)]
Name = Annotated[str, PlainValidator(readers.from_text(readers.name)), _schema("string", pattern=f"^{NAME_PATTERN}$")]
Word = Annotated[str, PlainValidator(readers.word), _schema("string", "root")]
Address = Annotated[str, PlainValidator(readers.address), _schema("string", "10.77.0.1", "gw.example.org", "fd00::1")]
AbsolutePath = Annotated[
    str, PlainValidator(readers.from_text(readers.path)), _schema("string", "/etc/zfspull/known_hosts", pattern="^/")
]
Command = Annotated[
    tuple[str, ...],
    PlainValidator(readers.command),
    WithJsonSchema({"anyOf": [{"type": "string"}, _LIST_OF_WORDS], "examples": ["zfs", ["sudo", "-n", "zfs"]]}),
]
Regex = Annotated[
    str, PlainValidator(readers.from_text(readers.regex)), _schema("string", "^(zfspull|autosnap)_", format="regex")
]
Zone = Annotated[str, PlainValidator(readers.from_text(readers.zone)), _schema("string", "UTC", "Europe/Berlin")]
Pattern = Annotated[str, PlainValidator(readers.from_text(readers.pattern)), _schema("string", "cache", "vm/*/swap")]
Prefix = Annotated[str, PlainValidator(readers.from_text(readers.prefix)), _schema("string", "zfspull")]
Target = Annotated[
    str, PlainValidator(readers.from_text(readers.target)), _schema("string", "backup/gw/home", pattern="^[^/]+/.+$")
]
Source = Annotated[
    SourceName,
    PlainValidator(readers.from_text(readers.source)),
    _schema("string", "gw:zroot/home", pattern="^[^:]+:.+$"),
]
PropertyName = Annotated[str, PlainValidator(readers.from_text(readers.property_name)), _schema("string", "mountpoint")]
PropertyValue = Annotated[
    str, PlainValidator(readers.property_value), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
]
Duration = Annotated[
    float,
    PlainValidator(readers.from_quantity(parse_duration)),
    _schema("string", "90s", "15m", "1h30m", pattern=_DURATION),
]
Timeout = Annotated[
    float,
    PlainValidator(readers.from_quantity(lambda text: readers.positive(parse_duration(text)))),
    _schema("string", "30s", "10m", pattern=_DURATION),
]
Rate = Annotated[
    int,
    PlainValidator(readers.from_quantity(readers.rate)),
    _schema("string", "10 MiB/s", "80 Mbit/s", pattern="^[0-9.]+ *\\w+/s$"),
]
ListenOn = Annotated[
    Listen, PlainValidator(readers.from_text(readers.listen)), _schema("string", "127.0.0.1:9797", "[::1]:9797")
]
When = Annotated[
    CronSchedule | EverySchedule | None,
    PlainValidator(readers.schedule),
    _schema("string", "@hourly", "0 */6 * * *", "every 15m", "manual"),
]
Destroys = Annotated[
    MaxDestroy,
    PlainValidator(decisions.max_destroy),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+ *%$"}],
            "examples": [20, "50%"],
        }
    ),
]
WhenMissing = Annotated[
    Missing,
    PlainValidator(decisions.missing),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["keep", "rename_aside"]},
                *(
                    {
                        "type": "object",
                        "properties": {key: {"type": "string", "pattern": _DURATION}},
                        "required": [key],
                        "additionalProperties": False,
                    }
                    for key in decisions.MISSING_AFTER
                ),
            ],
            "examples": ["keep", {"destroy_after": "90d"}],
        }
    ),
]
Low = Annotated[
    LowSpace,
    PlainValidator(decisions.low_space),
    _schema("string", "5%", "200 GiB", pattern="^[0-9.]+ *(%|[A-Za-z]+)$"),
]
Resolutions = Annotated[
    dict[Reason, RemedyKind],
    PlainValidator(decisions.resolutions),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {reason.value: {"const": remedy.value} for reason, remedy in REMEDIES.items()},
            "additionalProperties": False,
        }
    ),
]


def _one_or_many(value: object) -> object:
    """A list, also where a single word stands."""
    return [value] if isinstance(value, str) else value


OneOrManySchema = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
OneOrMany = BeforeValidator(_one_or_many)
"""Lets a single word stand where a list may."""
