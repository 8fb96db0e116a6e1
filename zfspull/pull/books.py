"""Where the books of what the source lost are kept between runs: the port, and one that forgets."""

from __future__ import annotations

from typing import Protocol

from zfspull.plan.absence import Ledger


class Books(Protocol):
    """One ledger for each job. Both calls may block on a disk, and are made off the event loop."""

    def load(self, job: str) -> Ledger:
        """The ledger; an empty one for a job that has none yet.

        Raises:
            LocalResourceError: there was one, and it can't be used. The next call finds none.
        """

    def save(self, job: str, ledger: Ledger) -> None:
        """Keep the ledger, whole or not at all.

        Raises:
            LocalResourceError: it could not be written.
        """


class MemoryBooks:
    """Books that end with the process: nothing is ever missing for long."""

    def __init__(self) -> None:
        self.ledgers: dict[str, Ledger] = {}

    def load(self, job: str) -> Ledger:
        """The ledger as it was saved last."""
        return self.ledgers.get(job, Ledger())

    def save(self, job: str, ledger: Ledger) -> None:
        """Keep the ledger."""
        self.ledgers[job] = ledger
