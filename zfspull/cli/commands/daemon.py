"""`zfspull daemon`: all jobs, on their schedules, for ever."""

from __future__ import annotations

from zfspull.cli.options import Commands, Options, add_command


_DETAILS = """\
Stays in the foreground and logs to standard error, as systemd wants it. SIGHUP loads
the configuration anew, SIGTERM stops it so that running transfers resume later."""
_EXAMPLES = """\
  zfspull daemon
  zfspull daemon --config ./zfspull.yaml --socket ./control.sock --debug"""


def add(commands: Commands) -> None:
    """Put the command on the parser."""
    add_command(
        commands, "daemon", run, summary="run all jobs on their schedules", details=_DETAILS, examples=_EXAMPLES
    )


def run(options: Options) -> int:
    """Be the daemon until SIGTERM or Ctrl-C."""
    from zfspull.daemon.serve import run_daemon
    from zfspull.observe.logs import configure

    configure(json=options.log_format == "json", debug=options.debug)
    return run_daemon(options.config_path, paths=options.paths, socket=options.socket_path)
