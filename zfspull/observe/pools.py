"""What is known of the pools here, and its gauges; of those only that a job receives into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from zfspull.events import PoolObserved
from zfspull.observe.labels import label
from zfspull.observe.ledger import Ledger


class PoolBook:
    """The newest look at each pool. Pools that no declared job receives into are not shown."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: dict[str, PoolObserved] = {}

    def note(self, event: PoolObserved) -> None:
        """Take note of a look; what was known of pools that are of no concern any more is forgotten."""
        self._seen = {**self.pools, event.pool: event}

    @property
    def pools(self) -> Mapping[str, PoolObserved]:
        """By name, in order."""
        known = {facts.pool for facts in self._ledger.facts.values()}
        return {name: self._seen[name] for name in sorted(known & self._seen.keys())}

    def snapshot(self) -> dict[str, Any]:
        """The same as JSON: see docs/reference/status.md."""
        return {
            name: {
                "used_bytes": seen.used_bytes,
                "available_bytes": seen.available_bytes,
                "full_at": seen.full_at,
                "observed_at": seen.at,
            }
            for name, seen in self.pools.items()
        }


_GAUGES: tuple[tuple[str, str, Callable[[PoolObserved], float | None]], ...] = (
    ("zfspull_pool_used_bytes", "Space in use in a pool that jobs receive into.", lambda seen: seen.used_bytes),
    ("zfspull_pool_available_bytes", "Space that is left in it.", lambda seen: seen.available_bytes),
    (
        "zfspull_pool_full_timestamp_seconds",
        "When it will be full if it goes on as in the past month; left out where that is not in sight.",
        lambda seen: seen.full_at,
    ),
)


class PoolGauges(Collector):
    """Reads the book at every scrape."""

    def __init__(self, book: PoolBook) -> None:
        self._book = book

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All families, those without a sample too."""
        for name, text, value_of in _GAUGES:
            family = GaugeMetricFamily(name, text, labels=["pool"])
            for pool, seen in self._book.pools.items():
                if (value := value_of(seen)) is not None:
                    family.add_metric([label(pool)], value)
            yield family
