"""The one place where an error becomes words on stderr and an exit code."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.text import safe, safe_block
from zfspull.errors import ConfigError, ZfspullError


class UsageError(ZfspullError):
    """The command line asks for what does not exist or does not go together."""

    kind = "usage"


_BY_KIND: dict[str, ExitCode] = {
    "config": ExitCode.CONFIG,
    "usage": ExitCode.USAGE,
    "daemon_unreachable": ExitCode.UNREACHABLE,
    "refusal": ExitCode.REFUSED,
    "transient": ExitCode.TRY_LATER,
    "locked": ExitCode.TRY_LATER,
    "permanent": ExitCode.PERMISSION,
    "local": ExitCode.FAILED,
    "error": ExitCode.FAILED,
}
"""By `ZfspullError.kind`, which the daemon's errors bring along; an unknown kind counts as that of its base class."""

_OTHERS: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (PermissionError, ExitCode.PERMISSION),
    (OSError, ExitCode.FAILED),
)
"""First match counts: the special before the general. What is not listed is a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is told of an error.

    Attributes:
        code: the exit code.
        details: lines that stand alone, such as `file:line:column: key: message`, for editors to jump to.
        message: what happened, in one paragraph.
        hint: what to do; may be empty.
    """

    code: ExitCode
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()


def explain(error: BaseException) -> Failure:
    """The exit code and the words for `error`; of a group, the leaf that matters most."""
    leaf = max(_leaves(error), key=lambda one: not isinstance(one, ZfspullError | OSError))
    code = _code(leaf)
    if isinstance(leaf, ConfigError):
        mistakes = "1 mistake" if len(leaf.problems) == 1 else f"{len(leaf.problems)} mistakes"
        details = tuple(str(problem) for problem in leaf.problems)
        return Failure(code=code, message=f"{mistakes} in the configuration", hint=leaf.hint, details=details)
    if isinstance(leaf, ZfspullError):
        return Failure(code=code, message=str(leaf), hint=leaf.hint)
    if isinstance(leaf, KeyboardInterrupt):
        return Failure(code=code, message="interrupted")
    if isinstance(leaf, OSError):
        return Failure(code=code, message=_os_message(leaf))
    summary = "".join(traceback.format_exception_only(leaf)).strip()
    return Failure(
        code=code,
        message=f"this is a bug in zfspull: {summary}",
        hint="run the same with --debug and report the traceback",
    )


def tell(error: BaseException, *, debug: bool, stream: TextIO | None = None) -> ExitCode:
    """Print what a person needs of `error` to stderr and return the exit code; a traceback with `debug` only."""
    out = stream or sys.stderr
    failure = explain(error)
    if debug and not isinstance(error, KeyboardInterrupt):
        out.write(safe_block("".join(traceback.format_exception(error))))
    for line in failure.details:
        print(safe(line), file=out)
    print(f"zfspull: {safe_block(failure.message)}", file=out)
    if failure.hint:
        print(f"  hint: {_indented(failure.hint)}", file=out)
    return failure.code


def job_not_loaded(name: str) -> UsageError:
    """The error for a job whose file is there, and which the daemon does not know yet."""
    return UsageError(f"the daemon has not loaded the job {name!r}", hint="its file is there: zfspull reload")


def unknown_job(name: str, jobs: Iterable[str]) -> UsageError:
    """The error for a job that does not exist, with the most similar name and the list of those that do."""
    known = sorted(jobs)
    if not known:
        return UsageError(f"there is no job {name!r}: no job is configured", hint="add a file to jobs.d/")
    similar = difflib.get_close_matches(name, known, n=1)
    question = f"did you mean {similar[0]!r}? " if similar else ""
    return UsageError(f"there is no job {name!r}", hint=f"{question}jobs: {', '.join(known)}")


def _code(error: BaseException) -> ExitCode:
    if isinstance(error, ZfspullError):
        kinds = (error.kind, *(getattr(base, "kind", "") for base in type(error).__mro__))
        return next(_BY_KIND[kind] for kind in kinds if kind in _BY_KIND)
    return next((code for kind, code in _OTHERS if isinstance(error, kind)), ExitCode.BUG)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _os_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _indented(text: str) -> str:
    return safe_block(text).replace("\n", "\n        ")
