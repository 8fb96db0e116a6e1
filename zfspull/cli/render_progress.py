"""The streams under way, as state and as bars. Pure: the state follows the events, the bars follow the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zfspull.cli.text import duration, percentage, rate, safe, size, time_left
from zfspull.events import (
    DatasetFailed,
    Event,
    RunFinished,
    TransferFailed,
    TransferFinished,
    TransferProgress,
    TransferStarted,
)


if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR_COLUMNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One step under way; `expected_bytes` is None where unknown."""

    dataset: str
    expected_bytes: int | None
    moved_bytes: int = 0
    bytes_per_second: float = 0.0


Streams = Mapping[str, Stream]
"""The streams under way, by dataset, in the order in which they started."""


def after(streams: Streams, event: Event) -> Streams:
    """The streams under way once `event` happened."""
    match event:
        case TransferStarted():
            new = Stream(dataset=event.dataset, expected_bytes=event.expected_bytes)
            return {**streams, event.dataset: new}
        case TransferProgress():
            before = streams.get(event.dataset) or Stream(dataset=event.dataset, expected_bytes=None)
            now = replace(
                before,
                expected_bytes=event.expected_bytes,
                moved_bytes=event.moved_bytes,
                bytes_per_second=event.bytes_per_second,
            )
            return {**streams, event.dataset: now}
        case TransferFinished() | TransferFailed() | DatasetFailed():
            return {name: stream for name, stream in streams.items() if name != event.dataset}
        case RunFinished():
            return {}
        case _:
            return streams


def bars(streams: Streams) -> RenderableType:
    """One row per stream: dataset, bar, percentage, bytes, rate, time left."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(width=_BAR_COLUMNS)
    for _ in range(4):
        table.add_column(justify="right", no_wrap=True)
    for stream in streams.values():
        known = stream.expected_bytes
        left = time_left(stream.moved_bytes, known, stream.bytes_per_second)
        bar = ProgressBar(
            total=known or 1, completed=min(stream.moved_bytes, known) if known else 0, width=_BAR_COLUMNS
        )
        table.add_row(
            Text(safe(stream.dataset)),
            bar,
            Text(percentage(stream.moved_bytes, known)),
            Text(size(stream.moved_bytes)),
            Text(rate(stream.bytes_per_second)),
            Text(f"{duration(left)} left" if left is not None else ""),
        )
    return table
