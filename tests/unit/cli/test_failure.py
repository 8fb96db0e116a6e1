import io

import pytest

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError, explain, tell, unknown_job
from zfspull.daemon.client import DaemonUnreachableError
from zfspull.daemon.lock import LockedError
from zfspull.daemon.protocol import error_from_message
from zfspull.errors import (
    ConfigError,
    LocalResourceError,
    PermanentError,
    Problem,
    RefusalError,
    TransientError,
    ZfspullError,
)


def _problem(line, message="is unknown"):
    return Problem("jobs.d/home.yaml", line, 3, "sched", message)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([_problem(1)]), 78),
        (UsageError("no"), 2),
        (RefusalError("diverged"), 3),
        (TransientError("gone"), 75),
        (LockedError("taken", hint="", pid=1), 75),
        (PermanentError("no key"), 77),
        (LocalResourceError("pool full"), 1),
        (ZfspullError("other"), 1),
        (DaemonUnreachableError("silent"), 69),
        (PermissionError(13, "Permission denied", "/x"), 77),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
        (KeyError("x"), 70),
        (error_from_message({"kind": "usage", "message": "no job"}), 2),
        (error_from_message({"kind": "locked", "message": "taken"}), 75),
    ],
)
def test_each_error_has_its_exit_code(error, code):
    """A script can tell by the exit code what to do next, whoever raised the error."""
    assert explain(error).code == code


def test_every_mistake_in_the_configuration_has_its_own_line():
    """Editors can jump from the output to each mistake: file:line:column first in its line."""
    out = io.StringIO()

    code = tell(ConfigError([_problem(3), _problem(7, "is\x1b odd")]), debug=False, stream=out)

    assert code == ExitCode.CONFIG
    assert out.getvalue().splitlines() == [
        "jobs.d/home.yaml:3:3: sched: is unknown",
        "jobs.d/home.yaml:7:3: sched: is\\x1b odd",
        "zfspull: 2 mistakes in the configuration",
        "  hint: fix the file; nothing was changed",
    ]


def test_an_error_says_what_where_and_what_to_do():
    """Message with its place, then the hint; no traceback without --debug."""
    out = io.StringIO()

    tell(TransientError("no answer", host="gw", hint="is it up?\nis it there?"), debug=False, stream=out)

    assert out.getvalue() == "zfspull: no answer [host=gw]\n  hint: is it up?\n        is it there?\n"


def test_debug_shows_the_traceback():
    """With --debug the traceback comes first, the words still come last."""
    out = io.StringIO()
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018 - for its traceback
    tell(caught.value, debug=True, stream=out)

    lines = out.getvalue().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == "zfspull: this is a bug in zfspull: ZeroDivisionError: division by zero"


def test_a_bug_is_called_a_bug():
    """An error that nobody foresaw says so and asks for a report."""
    out = io.StringIO()

    assert tell(ZeroDivisionError("oops"), debug=False, stream=out) == ExitCode.BUG
    assert "bug in zfspull: ZeroDivisionError: oops" in out.getvalue()
    assert "--debug" in out.getvalue()


def test_a_bug_in_a_group_is_not_hidden_by_a_foreseen_error():
    """Of several errors at once, the one that nobody foresaw decides."""
    group = ExceptionGroup("many", [TransientError("gone"), ExceptionGroup("more", [KeyError("x")])])

    assert explain(group).code == ExitCode.BUG
    assert explain(ExceptionGroup("one", [TransientError("gone")])).message == "gone"


def test_a_system_error_names_its_file():
    """What the system says comes with the path that it is about."""
    assert explain(PermissionError(13, "Permission denied", "/run/x")).message == "/run/x: Permission denied"


def test_an_unknown_job_gets_a_suggestion_and_the_list():
    """A typing mistake in a job's name costs one more try, not a search."""
    error = unknown_job("hoem", ["vm", "home"])

    assert error.message == "there is no job 'hoem'"
    assert error.hint == "did you mean 'home'? jobs: home, vm"
    assert unknown_job("xyz", ["home"]).hint == "jobs: home"
    assert "no job is configured" in unknown_job("home", []).message
