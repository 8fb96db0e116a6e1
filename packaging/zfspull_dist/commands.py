"""The command line as a tree of values, read off its parser: what man page and completions are made of."""

# argparse has no public way to ask a parser what it takes; these attributes have been there since it was written.
# ruff: noqa: SLF001

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from zfspull.cli.main import build_parser


class Kind(Enum):
    """What a value is, as far as a shell can complete it."""

    NONE = "a flag: takes no value"
    CHOICE = "one of few words"
    FILE = "a path"
    JOB = "the name of a job"
    OTHER = "nothing that a shell knows"


@dataclass(frozen=True, slots=True)
class Option:
    """An option, or (without names) an argument.

    Attributes:
        names: as typed, such as `--json`.
        kind: of its value.
        metavar: what stands for the value.
        choices: of a `CHOICE`.
        help: half a sentence.
    """

    names: tuple[str, ...]
    kind: Kind
    metavar: str
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or (at the top) the program.

    Attributes:
        words: as typed after `zfspull`; empty for the program itself.
        usage: in one line, without the global options.
        summary: half a sentence.
        description: sentences.
        examples: command lines, each with what it does.
        options: its own.
        arguments: likewise.
        commands: those below it.
    """

    words: tuple[str, ...]
    usage: str
    summary: str
    description: str
    examples: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple[Command, ...]

    def walk(self) -> Iterator[Command]:
        """Itself and all below, parents first."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read_program() -> tuple[Command, tuple[Option, ...]]:
    """The program with its commands, and the global options that each command takes too."""
    parser = build_parser()
    (group,) = [group for group in parser._action_groups if group.title == "global options"]
    everywhere = group._group_actions
    names = {name for action in everywhere for name in action.option_strings}
    program = _read(parser, (), "", names)
    return program, tuple(_option(action) for action in everywhere)


def _read(parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str, everywhere: set[str]) -> Command:
    own = [action for action in parser._actions if not everywhere.intersection(action.option_strings)]
    below = [action for action in own if isinstance(action, argparse._SubParsersAction)]
    plain = [action for action in own if action not in below and not isinstance(action, argparse._HelpAction)]
    return Command(
        words=words,
        usage=_usage(parser, [*plain, *below]),
        summary=summary,
        description=parser.description or "",
        examples=(parser.epilog or "").partition("examples:\n")[2],
        options=tuple(_option(action) for action in plain if action.option_strings),
        arguments=tuple(_option(action) for action in plain if not action.option_strings),
        commands=tuple(command for action in below for command in _commands(action, words, everywhere)),
    )


def _commands(
    action: argparse._SubParsersAction[argparse.ArgumentParser], words: tuple[str, ...], everywhere: set[str]
) -> Iterator[Command]:
    summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
    for name, parser in action.choices.items():
        yield _read(parser, (*words, name), summaries.get(name, ""), everywhere)


def _usage(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=10_000)
    formatter.add_usage(None, actions, parser._mutually_exclusive_groups)
    return " ".join(formatter.format_help().removeprefix("usage: ").split())


def _option(action: argparse.Action) -> Option:
    choices = tuple(str(choice) for choice in action.choices or ())
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    formatter = argparse.HelpFormatter("zfspull")
    told = formatter._expand_help(action) if action.help else ""
    return Option(tuple(action.option_strings), _kind(action, metavar), metavar, choices, told)


def _kind(action: argparse.Action, metavar: str) -> Kind:
    if action.nargs == 0:
        return Kind.NONE
    if action.choices:
        return Kind.CHOICE
    if re.search(r"PATH|FILE|DIR", metavar):
        return Kind.FILE
    return Kind.JOB if metavar == "JOB" else Kind.OTHER
