"""The exit codes: what a script learns of how a command ended. An API: changed only with a CHANGELOG entry.

Figures from 64 on are those of sysexits.h, as systemd names them (systemd.exec(5)), so that
`RestartPreventExitStatus=78` and `SuccessExitStatus=` read as one expects.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """How a command ended; `meaning` is the sentence for the documentation and for `--help`."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """The number, with its meaning."""
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    OK = 0, "all went well, or there was nothing to do"
    FAILED = 1, "at least one job or dataset failed"
    USAGE = 2, "the command line is wrong, or names no such job"
    REFUSED = 3, "nothing failed, but a person must decide: the sides diverged, or too much would be destroyed"
    UNREACHABLE = 69, "the daemon does not answer"
    BUG = 70, "a mistake in zfspull itself"
    TRY_LATER = 75, "not possible right now: the job is being worked on, or a host is out of reach"
    PERMISSION = 77, "a permission is missing here, or the host refused the login or the command"
    CONFIG = 78, "the configuration has mistakes"
    INTERRUPTED = 130, "ended by Ctrl-C (SIGINT)"
    PIPE_CLOSED = 141, "whatever read the output went away (SIGPIPE)"
    TERMINATED = 143, "ended by SIGTERM"
