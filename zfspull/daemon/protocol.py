"""The language of the control socket: one JSON object per line, bounded; a request, then any number of answers.

Request: `{"command": NAME, ...}`, with exactly the fields of `COMMANDS`. Answers, of which the last is `result` or
`error`:

    {"waiting": {"running": [...], "queue": [...]}}   the run is queued behind these
    {"event": {...}}                                  what happened (`observe.record`)
    {"alive": true}                                   nothing happened for a while
    {"part": {...}}                                   some of a result that may be long; the rest of it is the `result`
    {"result": ...}
    {"error": {"kind": ..., "message": ..., "hint": ..., "reason": ..., "job": ..., "host": ..., "dataset": ...}}

Pure: it knows nothing of sockets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zfspull.daemon.lock import LockedError
from zfspull.errors import (
    LocalResourceError,
    PermanentError,
    RefusalError,
    TransientError,
    ZfspullError,
)


VERSION = 2
"""2: what a prune tells comes in parts."""
MAX_REQUEST_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A status of thousands of datasets is one line."""
ALIVE_SECONDS = 15.0

Message = dict[str, Any]

COMMANDS: Mapping[str, Mapping[str, type]] = {
    "ping": {},
    "status": {},
    "reload": {},
    "pull": {"job": str, "follow": bool},
    "prune": {"job": str, "dry_run": bool, "confirm": bool},
    "cancel": {"job": str},
}
"""The fields of each command. Those that are true or false may be left out and are false then."""

_ERROR_TEXTS = ("message", "hint", "job", "host", "dataset", "reason")


@dataclass(frozen=True, slots=True)
class Parted:
    """A result that may be too long for one line.

    Attributes:
        parts: what is sent ahead, each short enough; may be gone through once.
        rest: what it ends with.
    """

    parts: Iterable[object]
    rest: Message


class RequestError(ZfspullError):
    """What was asked makes no sense; nothing was done."""

    kind = "usage"


_KINDS: Mapping[str, type[ZfspullError]] = {
    kind.kind: kind
    for kind in (RequestError, LockedError, RefusalError, TransientError, PermanentError, LocalResourceError)
}


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False, default=str).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The object in a line.

    Raises:
        ValueError: it is none.
    """
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError(f"not an object but {type(message).__name__}")  # noqa: TRY004 - one error for all garbage
    return message


def read_request(line: bytes) -> Message:
    """The request in a line, checked, with all its fields.

    Raises:
        RequestError: it is none.
    """
    try:
        request = decode(line)
    except ValueError as error:
        raise RequestError(f"not a JSON object on one line: {error}") from error
    name = request.get("command")
    fields = COMMANDS.get(name) if isinstance(name, str) else None
    if fields is None:
        raise RequestError(f"no command {name!r:.100}", hint=f"commands: {', '.join(COMMANDS)}")
    if strange := sorted(request.keys() - fields.keys() - {"command"}):
        raise RequestError(
            f"{name} takes no field {strange[0]!r:.100}", hint=f"its fields: {', '.join(fields) or 'none'}"
        )
    checked: Message = {"command": name}
    for field, kind in fields.items():
        value = request.get(field, False if kind is bool else None)
        if not isinstance(value, kind):
            raise RequestError(f"{name}: {field} must be {_WORDS[kind]}, not {value!r:.100}")
        checked[field] = value
    return checked


_WORDS: Mapping[type, str] = {str: "a text", bool: "true or false"}


def error_to_message(error: ZfspullError) -> Message:
    """The last answer to a request that failed."""
    texts = {name: getattr(error, name) for name in _ERROR_TEXTS}
    return {"error": {"kind": error.kind, **texts}}


def error_from_message(given: object) -> ZfspullError:
    """The error that the daemon told of; of a kind that the receiver knows what to do with."""
    fields = given if isinstance(given, dict) else {"message": f"the daemon answered with the error {given!r:.200}"}
    texts = {name: str(fields.get(name, "")) for name in _ERROR_TEXTS}
    message = texts.pop("message")
    kind = str(fields.get("kind", ""))
    error = _KINDS.get(kind, ZfspullError)(message, **texts)
    error.kind = kind or error.kind
    return error
