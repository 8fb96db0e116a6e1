"""Events as JSON and back."""

import dataclasses
import json
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.events import Event, Outcome, TransferProgress, Trigger
from zfspull.observe.record import _READERS, EVENT_TYPES, from_record, to_record


STRATEGIES = {
    str: st.text(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int | None: st.none() | st.integers(),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    tuple[str, ...]: st.lists(st.text()).map(tuple),
    Outcome: st.sampled_from(Outcome),
    Trigger: st.sampled_from(Trigger),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def events() -> st.SearchStrategy[Event]:
    return st.sampled_from(sorted(EVENT_TYPES.values(), key=lambda kind: kind.__name__)).flatmap(
        lambda kind: st.builds(kind, **{name: STRATEGIES[hint] for name, hint in get_type_hints(kind).items()})
    )


PROGRESS = {"type": "TransferProgress", "at": 1.0, "dataset": "a", "moved_bytes": 1, "expected_bytes": None}


@settings(deadline=None)  # a busy machine is no failure
@given(events())
def test_every_event_survives_json(event):
    """What was an event is the same event after a way through JSON."""
    assert from_record(json.loads(json.dumps(to_record(event)))) == event


def test_every_field_type_has_a_reader():
    """No event has a field that a record could not bring back."""
    hints = {hint for kind in EVENT_TYPES.values() for hint in get_type_hints(kind).values()}

    assert hints <= _READERS.keys()
    assert len(EVENT_TYPES) >= 20


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (None, "an object"),
        ([], "an object"),
        ({}, "no event is called None"),
        ({"type": "Nonsense"}, "no event is called 'Nonsense'"),
        ({"type": "Event", "at": 1}, "no event is called 'Event'"),
        ({"type": ["TransferProgress"]}, "no event is called"),
        ({**PROGRESS, "bytes_per_second": 1.0, "extra": 1}, "no field extra"),
        (PROGRESS, "lacks the field bytes_per_second"),
        ({**PROGRESS, "bytes_per_second": "fast"}, "bytes_per_second can't be 'fast'"),
        ({**PROGRESS, "bytes_per_second": float("nan")}, "bytes_per_second can't be nan"),
        ({**PROGRESS, "bytes_per_second": 10**400}, "bytes_per_second can't be"),
        ({**PROGRESS, "bytes_per_second": 1.0, "moved_bytes": True}, "moved_bytes can't be True"),
        ({**PROGRESS, "bytes_per_second": 1.0, "moved_bytes": 1.5}, "moved_bytes can't be 1.5"),
        ({"type": "RunStarted", "at": 1, "trigger": "moon", "host": "gw"}, "trigger can't be 'moon'"),
    ],
)
def test_malformed_records_are_refused(record, complaint):
    """A record that no event made is a ValueError that says what is wrong with it."""
    with pytest.raises(ValueError, match=complaint):
        from_record(record)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.sampled_from(sorted(EVENT_TYPES)), st.dictionaries(st.text(max_size=8) | st.just("at"), JSON, max_size=4), JSON
)
def test_nothing_but_a_value_error(name, fields, other):
    """Whatever comes over the socket, the worst it can raise is ValueError."""
    for record in ({**fields, "type": name}, other):
        try:
            event = from_record(record)
        except ValueError:
            continue
        assert dataclasses.is_dataclass(event)


def test_whole_seconds_are_times():
    """JSON writers may drop the fraction of a time; it comes back as a float."""
    event = from_record({**PROGRESS, "at": 5, "bytes_per_second": 0})

    assert isinstance(event, TransferProgress)
    assert isinstance(event.at, float)
