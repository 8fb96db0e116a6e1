"""What the status and the metrics both keep: jobs, the streams under way, pools, and when each job runs next.

How any of it is shown, counted or labelled is theirs to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from zfspull.events import Event, PoolObserved
from zfspull.observe.ledger import JobFacts, Ledger
from zfspull.observe.pools import PoolBook
from zfspull.observe.transfers import Transfers


class Books:
    """Folded from events, of declared jobs only; before the first `declare` there are none.

    Attributes:
        ledger: what is known of each job.
        transfers: the streams under way.
        pools: the newest look at each pool.
        next_runs: when each job runs next, seconds since the epoch; without those that are not going to.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.declare(())
        self.transfers = Transfers()
        self.pools = PoolBook(self.ledger)
        self.next_runs: dict[str, float] = {}

    @property
    def hosts(self) -> frozenset[str]:
        """Those that a declared job pulls from."""
        return frozenset(facts.host for facts in self.ledger.facts.values())

    def declare(self, jobs: Iterable[JobFacts]) -> tuple[frozenset[str], frozenset[str]]:
        """Know exactly these jobs from now on, as `Ledger.declare`: returns the new names and those that are gone."""
        new, gone = self.ledger.declare(jobs)
        for name in gone:
            self.transfers.forget(name)
            self.next_runs.pop(name, None)
        return new, gone

    def next_run(self, job: str, at: float | None) -> None:
        """The scheduler says when `job` runs next, in seconds since the epoch; None for never."""
        if at is None or job not in self.ledger.facts:
            self.next_runs.pop(job, None)
        else:
            self.next_runs[job] = at

    def note(self, event: Event) -> int:
        """Take note of an event; returns the bytes that arrived and were in no earlier answer, by `Transfers.note`."""
        if isinstance(event, PoolObserved):
            self.pools.note(event)
        if not self.ledger.knows(event.job):
            return 0
        self.ledger.note(event)
        return self.transfers.note(event)
