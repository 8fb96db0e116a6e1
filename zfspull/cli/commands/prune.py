"""`zfspull prune JOB`: retention now, or what it would do; by the daemon if there is one."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError, explain
from zfspull.cli.options import Commands, Options, add_command, add_json
from zfspull.cli.text import counted, safe
from zfspull.errors import RefusalError, ZfspullError
from zfspull.events import Event, PruneRefused


if TYPE_CHECKING:
    from zfspull.events import EventSink

_DETAILS = """\
Destroys the snapshots of the target that no keep rule holds and no guard protects;
then likewise those of the source, if the job has keep_source.
More than the job's max_destroy is refused, unless --confirm repeats the job's name."""
_EXAMPLES = """\
  zfspull prune home --dry-run       what would go, what stays, and why
  zfspull prune home
  zfspull prune home --confirm=home  even if it is more than max_destroy
  zfspull prune home --here --dry-run  by files that the daemon has not loaded"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands, "prune", run, summary="thin a job's target by its keep rules", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("job", metavar="JOB", help="name of the job")
    parser.add_argument("--dry-run", action="store_true", help="destroy nothing, show what would go")
    parser.add_argument("--confirm", metavar="NAME", default=None, help="the job's name: go beyond max_destroy once")
    parser.add_argument(
        "--here", action="store_true", help="by the files as they are now, not by what a daemon has loaded"
    )
    add_json(parser)


def run(options: Options) -> int:
    """Prune; 3 if it would be too much, 75 or 77 if the source could not be asked."""
    from zfspull.cli.foreground import in_foreground

    if options.confirm is not None and options.confirm != options.job:
        raise UsageError(
            f"--confirm={options.confirm} does not name the job {options.job!r}; nothing was done",
            hint=f"to prune beyond max_destroy once: zfspull prune {options.job} --confirm={options.job}",
        )
    return in_foreground(options, lambda: _prune(options))


async def _prune(options: Options) -> int:
    from zfspull.cli import there

    events = _Silent() if options.json else _Told()
    confirmed = options.confirm is not None
    client = None if options.here else await there.find_daemon(options)
    if client is not None:
        report = await there.prune(client, options, events, dry_run=options.dry_run, confirmed=confirmed)
    else:
        report = await _prune_here(options, events, confirmed=confirmed)
    return tell(report, options)


async def _prune_here(options: Options, events: EventSink, *, confirmed: bool) -> dict[str, Any]:
    from zfspull.cli import here
    from zfspull.clock import SystemClock
    from zfspull.daemon.books import BooksOnDisk
    from zfspull.daemon.work import PullWork

    config = here.load(options)
    job = here.job_of(config, options.job)
    async with here.opened(config) as generation:
        return await here.prune(
            job,
            generation,
            events,
            work=PullWork(SystemClock(), BooksOnDisk(options.paths.books)),
            paths=options.paths,
            dry_run=options.dry_run,
            confirmed=confirmed,
        )


def tell(report: dict[str, Any], options: Options) -> int:
    """Show how it went, or would go.

    Raises:
        RefusalError: it would be more than max_destroy, and nothing was destroyed.
        ZfspullError: the source could not be asked, and nothing was destroyed.
    """
    trouble = _unreachable(report, options.job) or _too_much(report, options.job)
    if options.json:
        print(json.dumps({"job": options.job, "dry_run": options.dry_run, **report}, indent=2))
        return explain(trouble).code if trouble else ExitCode.OK
    if options.dry_run:
        _show_tables(report, options)
    if trouble:
        raise trouble
    print(summary(report, options.job, dry_run=options.dry_run))
    return ExitCode.OK


def _unreachable(report: dict[str, Any], job: str) -> ZfspullError | None:
    from zfspull.daemon.protocol import error_from_message

    why = report.get("unreachable")  # a daemon that has not been restarted since an upgrade does not say
    if not why:
        return None
    message = f"the source could not be asked, so nothing goes: {why['message']}"
    return error_from_message({**why, "message": message, "job": job})


def _too_much(report: dict[str, Any], job: str) -> RefusalError | None:
    exceeded = [one["message"] for one in (report["exceeded"], report["source_exceeded"]) if one]
    if not exceeded:
        return None
    return RefusalError(
        "; ".join(exceeded),
        hint=f"look at it with --dry-run; if it is right: zfspull prune {job} --confirm={job}",
    )


def summary(report: dict[str, Any], job: str, *, dry_run: bool) -> str:
    """The last line, and per dataset what holds the snapshots that stay."""
    from zfspull.cli.render_prune import missing_line, reasons_summary

    done = "would be destroyed" if dry_run else "destroyed"
    lines = [f"{safe(job)}: {counted(report['destroyed'], 'snapshot')} {done}"]
    if report["source_datasets"]:
        lines[0] += f", {counted(report['source_destroyed'], 'snapshot')} on the source"
    for dataset in (*report["datasets"], *report["source_datasets"]):
        stay = f"{safe(dataset['dataset'])}: {counted(len(dataset['keep']), 'snapshot')} held by rules and guards"
        lines.append(f"  {stay}: {reasons_summary(dataset)}" if dataset["keep"] else f"  {stay}")
    lines += [f"  {missing_line(fate)}" for fate in report["missing_datasets"] if fate["action"] == "keep"]
    return "\n".join(lines)


def _show_tables(report: dict[str, Any], options: Options) -> None:
    from zfspull.cli.render_prune import freed_line, missing_line, prune_table
    from zfspull.cli.terminal import local_zone, look_at, show

    terminal = look_at(sys.stdout, os.environ, no_color=options.no_color)
    for title, datasets in (("", report["datasets"]), ("on the source:", report["source_datasets"])):
        if any(dataset["destroy"] or dataset["keep"] for dataset in datasets):
            if title:
                print(title)
            show(prune_table(datasets, local_zone()), terminal, sys.stdout)
    for fate in report["missing_datasets"]:
        if fate["action"] != "keep":
            print(missing_line(fate))
    if freed := freed_line(report):
        print(freed)


class _Silent:
    """With --json only the report is printed."""

    def emit(self, event: Event) -> None:
        """Nothing."""


class _Told:
    """What is destroyed and what could not be, as plain lines; a refusal is told at the end, with its way out."""

    def emit(self, event: Event) -> None:
        """Print the line of `event`."""
        from zfspull.cli.render_events import line

        if not isinstance(event, PruneRefused) and (said := line(event)) is not None:
            print(said.text, flush=True)
