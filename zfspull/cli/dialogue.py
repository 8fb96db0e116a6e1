"""Questions to the person at the terminal, and what to do where there is none."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from zfspull.cli.failure import UsageError


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How to ask.

    Attributes:
        interactive: whether there is somebody to ask.
        yes: whether every confirmation was given beforehand.
    """

    interactive: bool
    yes: bool

    @classmethod
    def of(cls, *, yes: bool) -> Dialogue:
        """For this terminal, if it is one."""
        return cls(interactive=sys.stdin.isatty() and sys.stdout.isatty() and not yes, yes=yes)

    def ask(self, question: str, flag: str, default: str = "") -> str:
        """A line of text; without a terminal, the default.

        Args:
            question: in words.
            flag: the option that answers it beforehand.
            default: what an empty answer means; none if it is needed.

        Raises:
            UsageError: there is nobody to ask, and no default.
        """
        if not self.interactive:
            if not default:
                raise UsageError(f"{question} is not known", hint=f"say it with {flag}, or run this on a terminal")
            return default
        while True:
            answer = _line(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
            if answer:
                return answer

    def ask_or_none(self, question: str) -> str:
        """A line of text that may be empty; "" without a terminal."""
        return _line(f"{question}: ").strip() if self.interactive else ""

    def confirm(self, question: str) -> bool:
        """Yes or no; no is what an empty answer means, and what is meant where nobody can be asked."""
        if self.yes:
            return True
        return self.interactive and _line(f"{question} [y/N]: ").strip().lower() in ("y", "yes")


def _line(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise UsageError("the answers ended too early; nothing more was done") from None
