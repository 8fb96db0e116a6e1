"""What is to go wrong, as data: each list is used up from its beginning, None standing for no trouble."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from zfspull.errors import ZfspullError


class How(StrEnum):
    """How a sender fails."""

    KILLED = "killed"
    LINK_LOST = "link_lost"
    STALLED = "stalled"
    """It neither sends nor ends, until it is ended."""


@dataclass(frozen=True, slots=True)
class SendFault:
    """A `zfs send` that fails after it has sent so many bytes of its stream."""

    after_bytes: int
    how: How = How.KILLED


@dataclass(frozen=True, slots=True)
class ReceiveFault:
    """A `zfs receive` that is killed after it has read so many bytes.

    Attributes:
        after_bytes: as said.
        power_cut: the last record that it wrote is lost as well, as after a crash of the machine.
    """

    after_bytes: int
    power_cut: bool = False


_Item = TypeVar("_Item")


@dataclass(slots=True)
class Faults:
    """The troubles to come.

    Attributes:
        sends: for the next streams that are sent.
        receives: for the next streams that are received.
        source_calls: raised by the next other calls of the source.
        target_calls: likewise of the target.
    """

    sends: list[SendFault | None] = field(default_factory=list)
    receives: list[ReceiveFault | None] = field(default_factory=list)
    source_calls: list[ZfspullError | None] = field(default_factory=list)
    target_calls: list[ZfspullError | None] = field(default_factory=list)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        for plan in (self.sends, self.receives, self.source_calls, self.target_calls):
            plan.clear()


def take(plan: list[_Item | None]) -> _Item | None:
    """The next trouble, which is used up."""
    return plan.pop(0) if plan else None


def trip(plan: list[ZfspullError | None]) -> None:
    """Raise the next error, if one is planned."""
    if error := take(plan):
        raise error
