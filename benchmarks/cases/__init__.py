"""The cases by name. Each module has `run(settings)`, which returns an `Outcome`; it is imported when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from benchmarks.settings import Outcome, Settings


CASES: Mapping[str, str] = MappingProxyType(
    {
        "tree": "41 encrypted datasets with 10 snapshots each, over loopback SSH in a machine of the lab",
        "slow_link": "11 encrypted datasets over 20 Mbit/s with 100 ms there and back, between two machines of the lab",
        "bytes": "one, two and four streams over loopback SSH, beside OpenSSH's own client",
        "planning": "a million snapshots: listing read, pull planned, retention decided",
        "jobs": "a thousand jobs: loaded, scheduled, reloaded",
    }
)
"""Name of each case, which is its module's, and what it measures; in the order of the document."""


def case(name: str) -> Callable[[Settings], Outcome]:
    """What runs the case of that name."""
    run: Callable[[Settings], Outcome] = import_module(f"benchmarks.cases.{name}").run
    return run
