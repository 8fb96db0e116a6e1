"""What happened, as lines for a person. Pure: event in, line out; everything foreign is made safe here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Literal

from zfspull import events
from zfspull.cli.text import counted, duration, percentage, rate, safe, size, time_left
from zfspull.events import Event, Outcome


Mood = Literal["plain", "good", "warning", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Line:
    """One message; `text` may have several lines, the later ones indented."""

    text: str
    mood: Mood = "plain"


_OUTCOMES: dict[Outcome, tuple[str, Mood]] = {
    Outcome.SUCCESS: ("done", "good"),
    Outcome.PARTIAL: ("done in part", "bad"),
    Outcome.FAILED: ("failed", "bad"),
    Outcome.REFUSED: ("needs a decision", "warning"),
    Outcome.CANCELLED: ("stopped; what was being received resumes with the next pull", "warning"),
}


@singledispatch
def line(event: Event) -> Line | None:
    """The line for `event`; None for what a person following one job need not read."""
    del event
    return None


@line.register
def _(event: events.RunStarted) -> Line:
    return Line(f"{safe(event.job)}: pulling from {safe(event.host)}")


@line.register
def _(event: events.Planned) -> Line:
    parts = [counted(event.steps, "step") + " to do", f"{event.up_to_date} up to date"]
    parts += [f"{event.refused} refused"] if event.refused else []
    return Line(f"{safe(event.job)}: {counted(event.datasets, 'dataset')}: {', '.join(parts)}")


@line.register
def _(event: events.SnapshotsTaken) -> Line:
    below = " and all below" if event.recursive else ""
    return Line(f"{safe(event.source)}: took snapshot @{safe(event.name)}{below}")


@line.register
def _(event: events.TransferStarted) -> Line:
    start = f"{safe(event.base)} -> " if event.base else ""
    expected = "" if event.expected_bytes is None else f", about {size(event.expected_bytes)}"
    return Line(f"{safe(event.dataset)}: {safe(event.kind)} {start}{safe(event.to)}{expected}", "quiet")


@line.register
def _(event: events.TransferProgress) -> Line:
    left = time_left(event.moved_bytes, event.expected_bytes, event.bytes_per_second)
    parts = [size(event.moved_bytes)]
    if event.expected_bytes is not None:
        parts = [f"{parts[0]} of {size(event.expected_bytes)}", percentage(event.moved_bytes, event.expected_bytes)]
    parts.append(rate(event.bytes_per_second))
    parts += [f"{duration(left)} left"] if left is not None else []
    return Line(f"{safe(event.dataset)}: {', '.join(parts)}", "quiet")


@line.register
def _(event: events.TransferFinished) -> Line:
    speed = rate(event.moved_bytes / event.seconds) if event.seconds > 0 else rate(None)
    took = f"{size(event.moved_bytes)} in {duration(event.seconds)}, {speed}"
    return Line(f"{safe(event.dataset)}: {safe(event.to)} received and verified, {took}", "good")


@line.register
def _(event: events.TransferFailed) -> Line:
    what = f"{safe(event.kind)} to {safe(event.to)} failed after {size(event.moved_bytes)}"
    return Line(f"{safe(event.dataset)}: {what} ({safe(event.side)}): {safe(event.message)}", "warning")


@line.register
def _(event: events.RetryScheduled) -> Line:
    again = f"trying again in {duration(event.delay_seconds)}, after attempt {event.attempt}"
    return Line(f"{safe(event.dataset or event.job)}: {again} ({safe(event.reason)})", "warning")


@line.register
def _(event: events.Resolved) -> Line:
    gone = f", {counted(event.destroyed, 'snapshot')} destroyed" if event.destroyed else ""
    what = f"{safe(event.remedy)} to {safe(event.to)}, as the job says for {safe(event.reason)}{gone}"
    return Line(f"{safe(event.dataset)}: {what}", "warning")


@line.register
def _(event: events.ResumeDiscarded) -> Line:
    return Line(f"{safe(event.dataset)}: the interrupted receive is given up: {safe(event.message)}", "warning")


@line.register
def _(event: events.DatasetRefused) -> Line:
    return Line(_with_hint(f"{safe(event.dataset)}: refused: {safe(event.message)}", event.hint), "warning")


@line.register
def _(event: events.DatasetFailed) -> Line:
    after = f"failed after {counted(event.attempts, 'attempt')}"
    return Line(_with_hint(f"{safe(event.dataset)}: {after}: {safe(event.message)}", event.hint), "bad")


@line.register
def _(event: events.HostFailed) -> Line:
    return Line(f"host {safe(event.host)}: {safe(event.message)}", "bad")


@line.register
def _(event: events.SnapshotsDestroyed) -> Line:
    what = f"pruned {counted(len(event.names), 'snapshot')}{_where(event.side)}, {event.kept} stay"
    return Line(f"{safe(event.dataset)}: {what}", "quiet")


@line.register
def _(event: events.DatasetDestroyed) -> Line:
    after = f"after {duration(event.missing_seconds)} missing on the source"
    return Line(f"{safe(event.dataset)}: destroyed, {after}", "warning")


@line.register
def _(event: events.PruneSkipped) -> Line:
    what = f"not pruned{_where(event.side)}: {safe(event.reason)}"
    return Line(f"{safe(event.dataset)}@{safe(event.name)}: {what}", "warning")


@line.register
def _(event: events.PruneRefused) -> Line:
    return Line(_with_hint(f"{safe(event.job)}: pruning refused: {safe(event.message)}", event.hint), "warning")


@line.register
def _(event: events.Noticed) -> Line:
    where = f"{safe(event.dataset)}: " if event.dataset else ""
    return Line(f"note: {where}{safe(event.message)}", "warning")


@line.register
def _(event: events.RunFinished) -> Line:
    words, mood = _OUTCOMES[event.outcome]
    parts = [counted(event.datasets, "dataset"), counted(event.steps, "step"), size(event.received_bytes)]
    for number, word in (
        (event.resumed, "resumed"),
        (event.retries, "retries"),
        (event.refused, "refused"),
        (event.failed, "failed"),
        (event.destroyed, "pruned"),
    ):
        parts += [f"{number} {word}"] if number else []
    text = f"{safe(event.job)}: {words}: {', '.join(parts)} in {duration(event.duration_seconds)}"
    if event.error:
        text = _with_hint(f"{text}\n  {safe(event.error)}", event.hint)
    return Line(text, mood)


def waiting(running: Sequence[str], queue: Sequence[str]) -> Line | None:
    """The line for a run that is queued behind others; None where it starts at once."""
    ahead = [*running, *queue[:-1]]
    return Line(f"waiting for {', '.join(safe(name) for name in ahead)}", "quiet") if ahead else None


def _where(side: str) -> str:
    return " on the source" if side == events.SOURCE else ""


def _with_hint(text: str, hint: str) -> str:
    return f"{text}\n  hint: {safe(hint)}" if hint else text
