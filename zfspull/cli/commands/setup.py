"""`zfspull setup HOST`: everything that a host and its jobs need, at both ends, step by step, nothing unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zfspull.cli.dialogue import Dialogue
from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command
from zfspull.cli.setup_wishes import NO_VERBS, SCHEDULE, USER


if TYPE_CHECKING:
    from zfspull.config.schema import Config, Job
    from zfspull.site.wishes import Wishes

_DETAILS = """\
Makes the daemon's key, shows the host key for comparison, prints (or with an administrator's login
runs) what the source needs, makes the place for the replicas here, and writes the host and a job
with comments. It asks before each step, and again only for what is missing: run it as often as you
like. In the end it checks the result as `zfspull doctor` does."""
_EXAMPLES = """\
  zfspull setup gw
  zfspull setup gw --admin-login root@10.77.0.1
  zfspull setup gw --address 10.77.0.1 --source tank/home \\
      --target backup/gw/home --fingerprint SHA256:... \\
      --admin-login root@10.77.0.1 --yes"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    parser = add_command(
        commands, "setup", run, summary="set up a host and its jobs, at both ends", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("host", metavar="HOST", help="what the host is called in the configuration")
    parser.add_argument("--address", default=None, help="host name or IP address (default: HOST)")
    parser.add_argument("--port", type=int, default=None, help="of sshd (default: 22)")
    parser.add_argument("--user", default=None, help=f"who zfspull logs in as there (default: {USER})")
    parser.add_argument("--key", metavar="PATH", default=None, help="another private key than the daemon's own")
    parser.add_argument(
        "--source", metavar="DATASET", nargs="+", action="extend", default=None, help="dataset there, a job for each"
    )
    parser.add_argument(
        "--target", metavar="DATASET", default=None, help="its replica here; of several, what they lie in"
    )
    parser.add_argument("--schedule", default=None, help=f"when to pull (default: {SCHEDULE})")
    parser.add_argument(
        "--allow",
        metavar="VERBS",
        default=None,
        help=f"what zfspull may do there: snapshot,hold,bookmark,prune or {NO_VERBS} (default: snapshot,hold)",
    )
    parser.add_argument("--no-gate", action="store_true", help="do without zfspull-gate on the source")
    parser.add_argument("--fingerprint", metavar="SHA256:...", default=None, help="of the host key, as you know it")
    parser.add_argument(
        "--admin-login", metavar="USER@ADDRESS", default=None, help="who prepares the source, by ssh; root or with sudo"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing, do it")
    parser.add_argument("--dry-run", action="store_true", help="show everything, change nothing")


def run(options: Options) -> int:
    """Set up; the exit code is the doctor's, or 0 if a person has yet to do something on the source."""
    from zfspull.cli.setup_steps import Setup

    dialogue = Dialogue.of(yes=options.yes)
    config = _existing(options)
    setup = Setup(options, dialogue, config, _wishes(options, config, dialogue))
    setup.try_files()
    setup.key()
    setup.host_key()
    ready = setup.source()
    setup.target()
    config = setup.files()
    if options.dry_run:
        print("\nnothing was changed (--dry-run)")
        return ExitCode.OK
    jobs = [job for job in config.jobs.values() if job.host == options.host]
    if not ready:
        print(f"\nWhen the source is ready: zfspull doctor{f' {jobs[0].name}' if len(jobs) == 1 else ''}")
        return ExitCode.OK
    return _check(options, config, jobs)


def _existing(options: Options) -> Config:
    """The configuration that is there; an empty one where there is none."""
    from zfspull.cli.here import load
    from zfspull.config.schema import Config

    jobs = options.config_path.parent / "jobs.d"
    return load(options) if options.config_path.exists() and jobs.is_dir() else Config()


def _wishes(options: Options, config: Config, dialogue: Dialogue) -> Wishes:
    import asyncio

    from zfspull.cli.setup_wishes import collect
    from zfspull.site.unit import daemon_user

    pools = asyncio.run(_pools(config)) if dialogue.interactive else []
    return collect(options, config, dialogue, daemon_user=asyncio.run(daemon_user()), pools=pools)


async def _pools(config: Config) -> list[str]:
    """The pools here, to propose a target in."""
    from zfspull.errors import ZfspullError
    from zfspull.hosts.process import run as run_process
    from zfspull.zfs.commands import list_pools

    try:
        completed = await run_process([*config.target.zfs, *list_pools()], timeout_seconds=20.0)
    except ZfspullError:
        return []
    return completed.stdout.splitlines() if completed.ok else []


def _check(options: Options, config: Config, jobs: list[Job]) -> int:
    from zfspull.cli.commands.doctor import look, tell
    from zfspull.cli.foreground import in_foreground

    async def doctor() -> int:
        return tell(await look(options, config, jobs), options, as_json=False)

    print("\nIs everything as it should be? (zfspull doctor)\n")
    return in_foreground(options, doctor)
