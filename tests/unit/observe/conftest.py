"""What the tests of this room share."""

from typing import get_type_hints

import pytest

from zfspull.events import Outcome, Trigger
from zfspull.observe.record import EVENT_TYPES


class StoppedClock:
    """Time that stands still until a test moves it."""

    def __init__(self):
        self.seconds = 1000.0

    def now(self):
        return self.seconds

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        raise AssertionError


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture(scope="session")
def one_of_each():
    """A function that makes one event of each kind, with a given text wherever an event holds text."""

    def make(text):
        samples = {
            str: text,
            bool: True,
            int: 7,
            float: 1.5,
            int | None: 9,
            float | None: 9.5,
            tuple[str, ...]: (text, text),
            Outcome: Outcome.SUCCESS,
            Trigger: Trigger.SCHEDULE,
        }
        return [
            kind(**{name: samples[hint] for name, hint in get_type_hints(kind).items()})
            for kind in EVENT_TYPES.values()
        ]

    return make
