"""The streams under way, folded from events: how far each is, and how many bytes are new since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zfspull.events import Event, RunFinished, TransferFailed, TransferFinished, TransferProgress, TransferStarted


@dataclass(slots=True)
class Transfer:
    """One step under way.

    Attributes:
        start: the event it began with.
        moved_bytes: received since then.
        expected_bytes: what the stream will have in all, None where unknown.
        bytes_per_second: the rate of the last second or so.
        progress_at: when bytes last arrived (or the step began), seconds since the epoch.
    """

    start: TransferStarted
    progress_at: float
    moved_bytes: int = 0
    expected_bytes: int | None = None
    bytes_per_second: float = 0.0


class Transfers:
    """All streams under way, by job and dataset. A dataset has one at a time."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str], Transfer] = {}

    def note(self, event: Event) -> int:
        """Take note of an event.

        Returns:
            the bytes that arrived and were in no earlier answer, so that their sum is what was received.
        """
        match event:
            case TransferStarted():
                self._running[event.job, event.dataset] = Transfer(
                    event, progress_at=event.at, expected_bytes=event.expected_bytes
                )
                return 0
            case TransferProgress():
                return self._progress(event)
            case TransferFinished() | TransferFailed():
                transfer = self._running.pop((event.job, event.dataset), None)
                counted = transfer.moved_bytes if transfer else 0
                return max(event.moved_bytes - counted, 0)
            case RunFinished():
                self.forget(event.job)
        return 0

    def _progress(self, event: TransferProgress) -> int:
        transfer = self._running.get((event.job, event.dataset))
        if transfer is None:
            return 0
        new = max(event.moved_bytes - transfer.moved_bytes, 0)
        if new:
            transfer.moved_bytes, transfer.progress_at = event.moved_bytes, event.at
        transfer.expected_bytes, transfer.bytes_per_second = event.expected_bytes, event.bytes_per_second
        return new

    def of(self, job: str) -> Iterator[Transfer]:
        """The streams of one job, in the order they began."""
        return (transfer for (name, _), transfer in self._running.items() if name == job)

    def forget(self, job: str) -> None:
        """The job runs no more."""
        for key in [key for key in self._running if key[0] == job]:
            del self._running[key]
