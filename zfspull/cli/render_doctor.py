"""What the checks found, as lines for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zfspull.cli.text import counted, safe, safe_block
from zfspull.site.finding import Finding, Level, healthy


if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS = {
    Level.OK: ("ok", "green"),
    Level.NOTE: ("note", "cyan"),
    Level.WARN: ("WARN", "yellow"),
    Level.FAIL: ("FAIL", "red"),
}
_WIDTH = 6


def doctor_shape(findings: Sequence[Finding]) -> dict[str, Any]:
    """The documented JSON."""
    return {
        "ok": healthy(findings),
        "findings": [
            {
                "check": finding.check,
                "host": finding.host or None,
                "job": finding.job or None,
                "level": finding.level.value,
                "text": finding.text,
                "mend": finding.mend or None,
            }
            for finding in findings
        ],
    }


def doctor_view(findings: Sequence[Finding]) -> RenderableType:
    """A block for this machine, each host and each job: a line for each finding, and below it what mends it."""
    from rich.text import Text

    shown = Text()
    place = None
    for finding in findings:
        here = (finding.host, finding.job)
        if here != place:
            shown.append(f"{'' if place is None else chr(10)}{_title(finding)}\n", style="bold")
            place = here
        mark, style = _MARKS[finding.level]
        shown.append(f"  {mark:{_WIDTH}}", style=style)
        shown.append(f"{_block(finding.text)}\n")
        if finding.mend:
            shown.append(f"  {'':{_WIDTH}}> {_block(finding.mend)}\n", style="bold" if _pressing(finding) else "")
    shown.append(f"\n{summary(findings)}")
    return shown


def summary(findings: Sequence[Finding]) -> str:
    """The last line."""
    pressing = [finding for finding in findings if _pressing(finding)]
    failures = sum(finding.level is Level.FAIL for finding in pressing)
    if not pressing:
        return f"all well: {counted(len(findings), 'finding')}, nothing to mend"
    return f"{counted(failures, 'failure')}, {counted(len(pressing) - failures, 'warning')}"


def _pressing(finding: Finding) -> bool:
    return not healthy([finding])


def _title(finding: Finding) -> str:
    if finding.job:
        return f"job {safe(finding.job)}"
    return f"host {safe(finding.host)}" if finding.host else "this machine"


def _block(text: str) -> str:
    return safe_block(text).replace("\n", "\n" + " " * (_WIDTH + 2))
