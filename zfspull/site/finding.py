"""What a check found: how bad it is, in words, and the command that mends it. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is, the mildest first."""

    OK = "ok"
    """As it should be."""
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARN = "warn"
    """Pulls work, but something will go wrong or is less safe than it should be."""
    FAIL = "fail"
    """Pulls can't work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: which one, by its name in the table of checks.
        level: how bad.
        text: what was found, with the evidence.
        mend: a command line or what else to do; "" where nothing is to be done.
        host, job: what it is about; both "" for this machine.
    """

    check: str
    level: Level
    text: str
    mend: str = ""
    host: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a check says; where and by whom it was said is added by `examine`."""

    level: Level
    text: str
    mend: str = ""


def ok(text: str) -> Said:
    """As it should be."""
    return Said(Level.OK, text)


def note(text: str, mend: str = "") -> Said:
    """Worth knowing."""
    return Said(Level.NOTE, text, mend)


def warn(text: str, mend: str = "") -> Said:
    """It will go wrong, or is less safe than it should be."""
    return Said(Level.WARN, text, mend)


def fail(text: str, mend: str = "") -> Said:
    """Pulls can't work."""
    return Said(Level.FAIL, text, mend)


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing has to be done: notes are allowed."""
    return all(finding.level in (Level.OK, Level.NOTE) for finding in findings)
