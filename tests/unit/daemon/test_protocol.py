"""The language of the control socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.daemon.lock import LockedError
from zfspull.daemon.protocol import (
    COMMANDS,
    RequestError,
    decode,
    encode,
    error_from_message,
    error_to_message,
    read_request,
)
from zfspull.errors import PermanentError, RefusalError, TransientError, ZfspullError


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
requests = st.dictionaries(
    st.sampled_from(["command", "job", "follow", "dry_run", "confirm", "x"]),
    st.sampled_from([*COMMANDS, "home", True, False, None, 1]),
)


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()) | requests.map(encode))
def test_garbage_is_a_clear_error(line):
    """P8: whatever comes in is a request with exactly its fields, or an error that says what is wrong."""
    try:
        request = read_request(line)
    except RequestError as error:
        told = error.message
    else:
        told = None
    if told is not None:
        assert 0 < len(told) < 500
        return
    fields = COMMANDS[request["command"]]
    assert request.keys() == {"command", *fields}
    assert all(isinstance(request[name], kind) for name, kind in fields.items())


@pytest.mark.parametrize(
    "line",
    [b"[" * 60_000, b'{"a":' * 10_000, b"9" * 60_000, b'{"command": ' + b"9" * 5000 + b"}", b"\xff\n", b"", b"{}"],
)
def test_hostile_json_is_an_error(line):
    """P8: nesting and figures beyond all measure neither crash nor hang the reader."""
    with pytest.raises(RequestError):
        read_request(line)


def test_what_may_be_left_out_is_false():
    """A request without its switches asks for the careful thing."""
    assert read_request(b'{"command": "prune", "job": "a", "dry_run": true}') == {
        "command": "prune",
        "job": "a",
        "dry_run": True,
        "confirm": False,
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"command": "pul"}', "no command 'pul'"),
        (b'{"command": "pull"}', "job must be a text"),
        (b'{"command": "pull", "job": "a", "fast": true}', "no field 'fast'"),
        (b'{"command": "prune", "job": "a", "dry_run": "no"}', "dry_run must be true or false, not 'no'"),
        (b"[]", "not an object but list"),
    ],
)
def test_errors_name_what_is_wrong(line, says):
    """P8: the answer to a mistake names the mistake."""
    with pytest.raises(RequestError, match=says):
        read_request(line)


texts = st.text(max_size=20)


@given(
    st.sampled_from([RequestError, LockedError, RefusalError, TransientError, PermanentError, ZfspullError]),
    st.tuples(texts, texts, texts, texts, texts, texts.filter(bool)),
)
def test_errors_cross_the_socket(kind, words):
    """An error is the same kind with the same words at the other end."""
    message, hint, job, host, dataset, reason = words
    error = kind(message, hint=hint, job=job, host=host, dataset=dataset, reason=reason)

    again = error_from_message(decode(encode(error_to_message(error)))["error"])

    assert type(again) is kind
    assert (again.kind, again.reason, again.hint, str(again)) == (error.kind, reason, hint, str(error))


@given(anything)
def test_any_error_message_is_an_error(given_message):
    """Even an error that makes no sense is one."""
    assert isinstance(error_from_message(given_message), ZfspullError)
