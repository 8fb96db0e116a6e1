"""What happened, as frozen records, and the protocol of those who want to know.

The rooms that work (`pull`, `daemon`) emit; the rooms that show (`observe`, `cli`) consume. A sink must not raise and
must not block: what it does with an event is its own affair.
"""

from zfspull.events.daemon import ConfigLoaded, PoolObserved, QueueChanged
from zfspull.events.dataset import (
    CursorMoved,
    DatasetFailed,
    DatasetObserved,
    DatasetRefused,
    Resolved,
    ResumeDiscarded,
    RetryScheduled,
    SnapshotsTaken,
)
from zfspull.events.event import Event, EventSink, Fanout
from zfspull.events.retention import SOURCE, TARGET, DatasetDestroyed, PruneRefused, PruneSkipped, SnapshotsDestroyed
from zfspull.events.run import ClockCompared, HostFailed, Noticed, Outcome, Planned, RunFinished, RunStarted, Trigger
from zfspull.events.transfer import TransferFailed, TransferFinished, TransferProgress, TransferStarted


__all__ = [
    "SOURCE",
    "TARGET",
    "ClockCompared",
    "ConfigLoaded",
    "CursorMoved",
    "DatasetDestroyed",
    "DatasetFailed",
    "DatasetObserved",
    "DatasetRefused",
    "Event",
    "EventSink",
    "Fanout",
    "HostFailed",
    "Noticed",
    "Outcome",
    "Planned",
    "PoolObserved",
    "PruneRefused",
    "PruneSkipped",
    "QueueChanged",
    "Resolved",
    "ResumeDiscarded",
    "RetryScheduled",
    "RunFinished",
    "RunStarted",
    "SnapshotsDestroyed",
    "SnapshotsTaken",
    "TransferFailed",
    "TransferFinished",
    "TransferProgress",
    "TransferStarted",
    "Trigger",
]
