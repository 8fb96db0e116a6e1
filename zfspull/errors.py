"""Every error, named by what to do next.

Each is raised at one boundary (`hosts/` for the two ends, `config/` for the files) `from` its cause. Errors are
written for the person at 3 a.m.: `message` says what happened and where, `hint` what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


class ZfspullError(Exception):
    """What all errors have in common.

    Attributes:
        message: what happened, with the evidence.
        hint: what to do about it; may be empty.
        job, host, dataset: where it happened, as far as known.
        reason: a short token from a closed set, fit for a metric's label.
    """

    kind = "error"

    def __init__(
        self, message: str, *, hint: str = "", job: str = "", host: str = "", dataset: str = "", reason: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.job = job
        self.host = host
        self.dataset = dataset
        self.reason = reason or self.kind

    def __str__(self) -> str:
        where = " ".join(f"{key}={value}" for key, value in self.where().items())
        return f"{self.message} [{where}]" if where else self.message

    def where(self) -> dict[str, str]:
        """Job, host and dataset, those that are known."""
        fields = {"job": self.job, "host": self.host, "dataset": self.dataset}
        return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a configuration file; `line` and `column` count from 1, 0 stands for the whole file."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.key}: {self.message}"


class ConfigError(ZfspullError):
    """Fix the file: every mistake found, each as file:line:column."""

    kind = "config"

    def __init__(self, problems: list[Problem], *, hint: str = "fix the file; nothing was changed") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)


class RefusalError(ZfspullError):
    """A person must decide: the sides diverged, or too much would be destroyed. Never retried."""

    kind = "refusal"


class TransientError(ZfspullError):
    """Network, busy, gone for the moment: retried with backoff."""

    kind = "transient"


class PermanentError(ZfspullError):
    """Authentication, host key, permission, encryption: not retried until the next scheduled run."""

    kind = "permanent"


class LocalResourceError(ZfspullError):
    """The pool here is full, suspended, read-only or not imported."""

    kind = "local"
