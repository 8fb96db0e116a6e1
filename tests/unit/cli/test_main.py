import argparse
import re
from pathlib import Path

import pytest

import zfspull
from zfspull.cli import main as main_module
from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.main import build_parser, main
from zfspull.cli.options import Options
from zfspull.errors import TransientError


DOCUMENT = Path(__file__, "../../../../docs/reference/cli.md").resolve()


def _parsers(parser, path=()):
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from _parsers(child, (*path, name))


COMMANDS = {" ".join(path): parser for path, parser in _parsers(build_parser())}


def _parse(*argv):
    return build_parser().parse_args(argv, namespace=Options())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns(monkeypatch, command):
    """The help of every command can be read on the smallest usual terminal."""
    monkeypatch.setenv("COLUMNS", "80")

    assert max(len(line) for line in COMMANDS[command].format_help().splitlines()) <= 80


@pytest.mark.parametrize("command", [command for command in COMMANDS if command])
def test_every_command_answers_help(capsys, command):
    """`COMMAND --help` says what the command does and ends well."""
    assert main([*command.split(), "--help"]) == 0
    assert f"usage: zfspull {command}" in capsys.readouterr().out


def test_the_documented_commands_are_those_that_exist():
    """Each command has its section in the reference, in the order of --help, and none is made up."""
    documented = re.findall(r"^### `zfspull (\S+)`$", DOCUMENT.read_text(), re.MULTILINE)

    assert documented == [command for command in COMMANDS if command and " " not in command]


def test_the_documented_options_are_those_that_exist():
    """Each option of each command is in the reference."""
    text = DOCUMENT.read_text()
    options = {name for parser in COMMANDS.values() for action in parser._actions for name in action.option_strings}

    assert [name for name in sorted(options) if f"`{name}" not in text] == []


def test_the_documented_exit_codes_are_those_that_exist():
    """The table in the reference says what the code says."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert rows == [(str(code.value), code.meaning) for code in ExitCode]


def test_the_version_is_told(capsys):
    """`--version` names the program and its version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"zfspull {zfspull.__version__}\n"


def test_no_command_means_help(capsys):
    """Who types only the name gets the help, and the exit code of a wrong command line."""
    assert main([]) == ExitCode.USAGE
    assert "check-config" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["pul", "home"], ["pull"], ["pull", "home", "--js"], ["--log-format", "xml", "status"]]
)
def test_a_wrong_command_line_is_exit_code_2(capsys, argv):
    """Misspelt commands, missing names and abbreviated options are refused with the usage."""
    assert main(argv) == ExitCode.USAGE
    assert "usage: zfspull" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["--debug", "--socket", "/s", "pull", "home"], ["pull", "home", "--debug", "--socket", "/s"]]
)
def test_global_options_may_stand_before_or_after_the_command(argv):
    """`zfspull --debug pull home` and `zfspull pull home --debug` are the same."""
    options = _parse(*argv)

    assert (options.command, options.job, options.debug, options.socket) == ("pull", "home", True, Path("/s"))
    assert options.log_format is None
    assert not options.no_color


def test_the_later_global_option_counts():
    """An option after the command overrides the same before it."""
    assert _parse("--config", "/a", "plan", "--config", "/b").config == Path("/b")


def test_paths_come_from_the_option_then_from_systemd_then_from_the_usual_places(monkeypatch):
    """Precedence of the configuration file and of the socket."""
    for name in ("CONFIGURATION_DIRECTORY", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    assert _parse("status").config_path == Path("/etc/zfspull/zfspull.yaml")
    assert _parse("status").socket_path == Path("/run/zfspull/control.sock")

    monkeypatch.setenv("CONFIGURATION_DIRECTORY", "/etc/other")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/other")
    assert _parse("status").config_path == Path("/etc/other/zfspull.yaml")
    assert _parse("status").socket_path == Path("/run/other/control.sock")

    options = _parse("status", "--config", "/x.yaml", "--socket", "/y.sock")
    assert (options.config_path, options.socket_path) == (Path("/x.yaml"), Path("/y.sock"))


@pytest.mark.parametrize(
    ("argv", "other"),
    [
        (["plan"], False),
        (["plan", "--config", "/etc/zfspull/zfspull.yaml"], False),
        (["plan", "--config", "/tmp/mine.yaml"], True),
        (["plan", "--config", "/tmp/mine.yaml", "--socket", "/tmp/mine.sock"], False),
    ],
)
def test_a_configuration_of_ones_own_is_not_the_daemons(monkeypatch, argv, other):
    """With a file of one's own the daemon is not asked, unless its socket is named too."""
    monkeypatch.delenv("CONFIGURATION_DIRECTORY", raising=False)

    assert _parse(*argv).wants_other_config is other


def _command(monkeypatch, run):
    def add(commands):
        commands.add_parser("work").set_defaults(run=run)

    monkeypatch.setattr(main_module, "ADD", (add,))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (TransientError("no answer", hint="is it up?"), 75, "zfspull: no answer\n  hint: is it up?\n"),
        (KeyboardInterrupt(), 130, "zfspull: interrupted\n"),
    ],
)
def test_errors_end_in_words_and_a_code(monkeypatch, capsys, error, code, text):
    """No command ends in a traceback."""

    def run(options):
        raise error

    _command(monkeypatch, run)

    assert main(["work"]) == code
    assert capsys.readouterr().err == text


def test_the_exit_code_is_that_of_the_command(monkeypatch):
    """What a command returns is what the shell sees."""
    _command(monkeypatch, lambda options: 3)

    assert main(["work"]) == 3
