"""The file of a new job, with comments, and the beginning of a main file. Text only; nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.config.edit import Scalar, scalar
from zfspull.plan.cursors import CursorKind


NEW_MAIN = """\
# zfspull: the machines to pull from, and settings of this one. Jobs are beside it in jobs.d/, one in each file.
# `zfspull check-config` tells every mistake; `zfspull reload` loads the files anew.
version: 1
"""

_KEEP = "{last: 3, hourly: 48, daily: 30, weekly: 8, monthly: 12}"
_COMMENT_COLUMN = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is asked for about a job; everything else has a default that the file shows.

    Attributes:
        name: of the job, and of its file.
        host: its name in the main file.
        source, target: datasets.
        schedule: as written.
        take: whether the job takes snapshots.
        cursor: what it may leave on the source.
    """

    name: str
    host: str
    source: str
    target: str
    schedule: str
    take: bool
    cursor: CursorKind

    @property
    def file_name(self) -> str:
        """Below jobs.d."""
        return f"{self.name}.yaml"


def job_text(job: NewJob) -> str:
    """The job's file."""
    lines = [
        (_pair("source", f"{job.host}:{job.source}"), ""),
        (_pair("target", job.target), ""),
        (_pair("recursive", value=True), "with all datasets below"),
        ("# exclude: [cache]", "paths below the source to leave out"),
        (_pair("schedule", job.schedule), "crontab fields, @daily, every 15m, or manual"),
        ("# jitter: 5m", "each firing is late by up to this"),
        ("# timezone: UTC", "for the schedule and for keep"),
        (f"snapshots: {{take: {scalar(job.take)}}}", _OF_TAKE[job.take]),
        (_pair("cursor", job.cursor.value), "what keeps the base usable there until the next pull"),
        (f"keep: {_KEEP}", ""),
        ("# keep_source: {hourly: 48}", "what stays there; without it all does, and piles up"),
    ]
    body = "".join(f"{text:<{_COMMENT_COLUMN - 1}} # {why}\n" if why else f"{text}\n" for text, why in lines)
    return f"""\
# zfspull: pulls {job.source} from {job.host}. Written by `zfspull setup`; change it as you like, then `zfspull reload`.
# `zfspull plan {job.name}` shows what it would do. All keys: docs/reference/configuration.md, zfspull.yaml(5).
{body}# What no rule of `keep` holds is destroyed here, and nothing there; without `keep` everything stays.
"""


_OF_TAKE = {
    True: "take one there before each pull",
    False: "something else takes them there; match: REGEX chooses",
}


def _pair(key: str, value: Scalar) -> str:
    return f"{key}: {scalar(value)}"
