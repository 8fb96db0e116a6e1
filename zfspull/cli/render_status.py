"""What the daemon is doing and what is wrong, as tables. Pure: from the daemon's JSON (docs/reference/status.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zfspull.cli.text import UNKNOWN, ago, counted, duration, moment, percentage, rate, roughly, safe, size, time_left


if TYPE_CHECKING:
    from datetime import tzinfo

    from rich.console import RenderableType
    from rich.table import Table

Status = Mapping[str, Any]
Job = Mapping[str, Any]

_STYLES = {
    "success": "green",
    "running": "cyan",
    "partial": "bold red",
    "failed": "bold red",
    "refused": "yellow",
    "cancelled": "yellow",
    "never": "dim",
}
_SOON_SECONDS = 14 * 86400.0
_STEPS_ARROW = " -> "


def status_view(status: Status, zone: tzinfo, *, every_dataset: bool = False) -> RenderableType:
    """Jobs, running transfers, datasets that lag behind (or all of them), and what is wrong.

    Args:
        status: the daemon's picture.
        zone: for moments.
        every_dataset: show datasets that are up to date as well.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(text, style=style) for text, style in _headlines(status, zone)]
    parts.append(_jobs_table(status))
    for title, table in (
        ("Transfers", _transfers_table(status)),
        ("Datasets" if every_dataset else "Datasets that are behind", _datasets_table(status, zone, every_dataset)),
    ):
        parts += [Text(f"\n{title}", style="bold"), table] if table.row_count else []
    troubles = [Text(text, style=style) for text, style in _problems(status)]
    parts += [Text("\nWhat is wrong", style="bold"), *troubles] if troubles else []
    return Group(*parts)


def _headlines(status: Status, zone: tzinfo) -> Iterator[tuple[str, str]]:
    queue, jobs = status["queue"], status["jobs"]
    ill = sum(bool(job["problems"]) for job in jobs.values())
    health = f"{counted(ill, 'job')} in trouble" if ill else "all well"
    yield f"{counted(len(jobs), 'job')}: {queue['running']} running, {queue['waiting']} waiting, {health}", "bold"
    for name, pool in status.get("pools", {}).items():
        yield _pool_line(name, pool, status["at"])
    config = status["config"]
    if config["ok"] is False:
        yield f"the new configuration was refused; the one of {moment(config['loaded_at'], zone)} is in force", "red"
        yield "".join(f"  {safe(line)}\n" for line in config["message"].splitlines()).rstrip("\n"), "red"


def _pool_line(name: str, pool: Mapping[str, Any], now: float) -> tuple[str, str]:
    free = f"pool {safe(name)}: {size(pool['available_bytes'])} free"
    if pool["full_at"] is None:
        return free, ""
    left = pool["full_at"] - now
    return (
        f"{free}, full {f'in about {roughly(left)}' if left > 0 else 'now'}",
        "yellow" if left < _SOON_SECONDS else "",
    )


def _jobs_table(status: Status) -> Table:
    from rich.text import Text

    now = status["at"]
    table = _table("JOB", "HOST", "STATE", "LAST SUCCESS", "NEXT RUN", "LAG", "DATASETS")
    for name, job in status["jobs"].items():
        table.add_row(
            Text(safe(name)),
            Text(safe(job["host"])),
            Text(safe(job["state"]), style=_STYLES.get(job["state"], "")),
            ago(job["last_success_at"], now),
            ago(job["next_run_at"], now),
            duration(job["lag_seconds"]),
            _datasets_of(job, now) if job["datasets"] else UNKNOWN,
        )
    return table


def _datasets_of(job: Job, now: float) -> str:
    """How many are up to date; where the newest run could not look, since when nobody knows."""
    if _unseen(job):
        return f"last seen {ago(job['observed_at'], now)}"
    datasets = job["datasets"]
    return f"{sum(dataset['up_to_date'] for dataset in datasets)} of {len(datasets)} up to date"


def _unseen(job: Job) -> bool:
    """Whether the newest finished run ended before it could tell of any dataset."""
    run, seen_at = job["last_run"], job.get("observed_at")
    return run is not None and seen_at is not None and seen_at < run["started_at"]


def _transfers_table(status: Status) -> Table:
    from rich.text import Text

    table = _table("DATASET", "STEP", "DONE", "MOVED", "RATE", "LEFT")
    for job in status["jobs"].values():
        for transfer in (job["running"] or {}).get("transfers", ()):
            moved, expected = transfer["moved_bytes"], transfer["expected_bytes"]
            span = _STEPS_ARROW.join(mark for mark in (transfer["base"], transfer["to"]) if mark)
            table.add_row(
                Text(safe(transfer["dataset"])),
                Text(safe(f"{transfer['kind']} {span}")),
                percentage(moved, expected),
                size(moved),
                rate(transfer["bytes_per_second"]),
                duration(time_left(moved, expected, transfer["bytes_per_second"])),
            )
    return table


def _datasets_table(status: Status, zone: tzinfo, every_dataset: bool) -> Table:  # noqa: FBT001 - private, one caller
    from rich.text import Text

    table = _table("DATASET", "SOURCE", "NEWEST HERE", "LAG", "SNAPSHOTS", "USED", "BY SNAPSHOTS")
    for job in status["jobs"].values():
        for dataset in job["datasets"]:
            if every_dataset or not (dataset["up_to_date"] or _unseen(job)):
                table.add_row(
                    Text(safe(dataset["dataset"])),
                    Text(_source(dataset)),
                    moment(dataset["newest_at"], zone),
                    duration(dataset["lag_seconds"]),
                    UNKNOWN if dataset["snapshots"] is None else str(dataset["snapshots"]),
                    size(dataset.get("used_bytes")),
                    size(dataset.get("snapshots_bytes")),
                )
    return table


def _source(dataset: Mapping[str, Any]) -> str:
    name = safe(dataset["source"] or UNKNOWN)
    gone = dataset.get("missing_seconds")
    return name if gone is None else f"{name} (gone for {duration(gone)})"


def _problems(status: Status) -> Iterator[tuple[str, str]]:
    for name, job in status["jobs"].items():
        for problem in job["problems"]:
            where = safe(": ".join(part for part in (name, problem["dataset"]) if part))
            hint = f"\n  hint: {safe(problem['hint'])}" if problem["hint"] else ""
            when = ago(problem["at"], status["at"])
            style = "yellow" if problem["kind"] == "notice" else "red"
            yield f"{where}: {safe(problem['message'])} ({safe(problem['reason'])}, {when}){hint}", style


def _table(*titles: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def only(status: Status, names: Sequence[str]) -> Status:
    """The same picture with these jobs alone."""
    return {**status, "jobs": {name: job for name, job in status["jobs"].items() if name in names}}
