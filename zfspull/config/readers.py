"""Readers: each takes whatever stands in the file for one kind of value and returns what it means.

What can't be meant raises ValueError with words for a person: what is wrong and what would be right. The words go on
where `key: ` ends. `values` makes types of the readers; those of what a job decides beforehand stand in `decisions`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zfspull.config.units import parse_rate
from zfspull.plan.exclude import pattern_error
from zfspull.plan.schedule import Schedule, parse_schedule
from zfspull.zfs.names import dataset_name_error, snapshot_name_error


NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""Names of hosts and jobs: fit for a label, a file and a command line."""

_MAX_SHOWN = 60

T = TypeVar("T")


def show(value: object) -> str:
    """`value` as a person may have written it, cut to a reasonable length."""
    words = {True: "true", False: "false", None: "empty"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _text(value: object) -> str:
    if not isinstance(value, str):
        quote = "; put quotes around it" if isinstance(value, int | float) else ""
        raise ValueError(f"must be text, is {show(value)}{quote}")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def from_text(parse: Callable[[str], T]) -> Callable[[object], T]:
    """The reader of text that is understood by `parse`."""
    return lambda value: parse(_text(value))


def from_quantity(parse: Callable[[str], T]) -> Callable[[object], T]:
    """The reader of text with a unit; a bare number is handed on as text, so that `parse` can ask for the unit."""
    return lambda value: parse(
        str(value) if isinstance(value, int | float) and value not in (True, False) else _text(value)
    )


def word(value: object) -> str:
    """One word, such as a user's name."""
    text = _text(value)
    if not text or not text.isprintable() or any(character.isspace() for character in text) or text.startswith("-"):
        raise ValueError(f"{text!r} must be one word without spaces")
    return text


def name(text: str) -> str:
    """The name of a host or job."""
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError(
            f"{text!r} is no name here: up to 64 letters, digits and _ . - are, beginning with a letter or digit"
        )
    return text


def path(text: str) -> str:
    """An absolute path."""
    if not text.startswith("/") or not text.isprintable():
        raise ValueError(f"{text!r} must be an absolute path, beginning with /")
    return text


def command(value: object) -> tuple[str, ...]:
    """A command with its arguments: one word or a list of words."""
    if isinstance(value, str) and len(value.split()) > 1:
        raise ValueError(f"{value!r} has spaces; write the words as a list: [{', '.join(value.split())}]")
    if value == []:
        raise ValueError("must name a command, for example zfs or [sudo, -n, zfs]")
    head, *rest = [_text(word) for word in (value if isinstance(value, list | tuple) else [value])]
    if any(not word or not word.isprintable() for word in (head, *rest)):
        raise ValueError("has an empty word or one with control characters")
    return (word(head), *rest)


def address(value: object) -> str:
    """A host name or IP address, alone."""
    text = word(value)
    user, at, rest = text.rpartition("@")
    if at:
        raise ValueError(f"{text!r}: the address is only {rest!r}; give the user in a key of its own, user: {user}")
    if text.startswith("[") or text.count(":") == 1:
        raise ValueError(
            f"{text!r}: give the address without a port or brackets, and the port in a key of its own, port:"
        )
    return text


def property_value(value: object) -> str:
    """The value of a ZFS property; numbers may stand without quotes."""
    if isinstance(value, bool):
        raise ValueError("must be on or off: ZFS knows no true or false")  # noqa: TRY004 - pydantic collects ValueErrors
    text = str(value) if isinstance(value, int) else _text(value)
    if not text or not text.isprintable():
        raise ValueError(f"{text!r} is no value of a property")
    return text


def property_name(text: str) -> str:
    """The name of a ZFS property."""
    if not re.fullmatch(r"[a-z0-9_.:\-]{1,255}", text):
        raise ValueError(f"{text!r} is no property of ZFS: these are lower-case letters, digits and _ . : -")
    return text


def regex(text: str) -> str:
    """A regular expression, as text."""
    try:
        with warnings.catch_warnings():
            # What Python merely warns of (sets within sets, whose meaning will change) is a mistake here.
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        raise ValueError(f"{show(text)} is no regular expression: {error}") from error
    return text


def zone(text: str) -> str:
    """The name of a time zone that the zone database has."""
    try:
        ZoneInfo(text)
    # The zone database is a tree of files: what is odd as a path makes odd errors.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is no time zone; write for example UTC or Europe/Berlin") from error
    return text


def schedule(value: object) -> Schedule | None:
    """When to run; None for `manual`."""
    text = _text(value)
    return None if text == "manual" else parse_schedule(text)


def pattern(text: str) -> str:
    """A pattern of paths to exclude."""
    if error := pattern_error(text):
        raise ValueError(f"{text!r} {error}")
    return text


def prefix(text: str) -> str:
    """What the names of snapshots taken begin with."""
    if error := snapshot_name_error(text):
        raise ValueError(error)
    if len(text) > 100:  # noqa: PLR2004 - leaves room in ZFS's 255 bytes for the dataset and the time
        raise ValueError(f"{show(text)} is longer than 100 characters")
    return text


def target(text: str) -> str:
    """A dataset here that can be a replica: any but the top one of a pool."""
    if error := dataset_name_error(text):
        raise ValueError(f"{text!r} {error}")
    if "/" not in text:
        raise ValueError(f"{text!r} is a whole pool; name a dataset in it, for example {text}/home")
    return text


@dataclass(frozen=True, slots=True)
class SourceName:
    """A dataset on a host, written `host:pool/dataset`."""

    host: str
    dataset: str


def source(text: str) -> SourceName:
    """A dataset on a host; the first colon parts them, for names of datasets may have some too."""
    host, colon, dataset = text.partition(":")
    if not colon or "/" in host:
        raise ValueError(f"{text!r} names no host; write host:dataset, for example gw:{text.strip(':')}")
    name(host)
    if error := dataset_name_error(dataset):
        raise ValueError(f"{dataset!r} {error}")
    return SourceName(host, dataset)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address and port to listen on."""

    address: str
    port: int


_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:\[\]]+)):([0-9]{1,5})")
LAST_PORT = 65535


def listen(text: str) -> Listen:
    """An address and port to listen on."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > LAST_PORT:
        raise ValueError(f"{text!r} must be address:port, for example 127.0.0.1:9797 or [::1]:9797")
    return Listen(match[1] or match[2], int(match[3]))


def positive(seconds: float) -> float:
    """A length of time that is not nothing."""
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


def rate(text: str) -> int:
    """A rate in bytes per second that lets something pass."""
    rate = parse_rate(text)
    if rate < 1:
        raise ValueError(f"{text!r} lets nothing pass; leave it out for no limit")
    return rate
