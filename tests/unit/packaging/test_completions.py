"""The completions: what bash really offers, and that each shell has every command and option."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from zfspull_dist.commands import Kind, read_program
from zfspull_dist.completions import bash, fish, zsh


needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")


@pytest.fixture
def offered(tmp_path):
    """What bash offers for the last of the given words."""
    jobs = tmp_path / "jobs.d"
    jobs.mkdir()
    for name in ("home.yaml", "vm.images.yml", "notes.txt"):
        (jobs / name).touch()
    script = tmp_path / "script"
    script.write_text(
        bash().replace("/etc/zfspull/jobs.d", str(jobs))
        + 'compopt() { :; }\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_zfspull\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )

    def ask(*words: str) -> set[str]:
        done = subprocess.run(["bash", str(script), *words], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return set(done.stdout.split())

    return ask


@needs_bash
def test_bash_commands(offered):
    """Commands at the top, verbs below the command that has them."""
    program, _ = read_program()
    assert offered("zfspull", "") == {command.words[-1] for command in program.commands}
    assert offered("zfspull", "--debug", "pl") == {"plan"}
    assert offered("zfspull", "config", "") == {"show", "schema"}


@needs_bash
def test_bash_options(offered):
    """An option where it may stand, its words after it, however it is written."""
    assert {"--main", "--job", "--config"} <= offered("zfspull", "config", "schema", "--")
    assert "--dry-run" not in offered("zfspull", "pull", "--")
    assert offered("zfspull", "plan", "--log-format", "") == {"text", "json"}
    assert offered("zfspull", "plan", "--log-format", "=", "j") == {"json"}
    assert offered("zfspull", "--config", "pull", "pl") == {"plan"}


@needs_bash
def test_bash_jobs(offered):
    """Names of jobs are those of the files in jobs.d, for commands that take a job only."""
    assert offered("zfspull", "pull", "") == {"home", "vm.images"}
    assert offered("zfspull", "plan", "h") == {"home"}
    assert offered("zfspull", "check-config", "") == set()


@pytest.mark.parametrize("make", [bash, zsh, fish])
def test_every_command_and_option_is_there(make):
    """Each shell knows every command, every option and every choice."""
    text = make()
    program, everywhere = read_program()
    for command in program.walk():
        for option in (*command.options, *everywhere):
            name = option.names[-1] if make is not fish else f"-l {option.names[-1].lstrip('-')}"
            assert re.search(rf"(?<!\w){re.escape(name)}(?![\w-])", text), option
            assert all(choice in text for choice in option.choices)
        for word in command.words:
            assert word in text
    assert Kind.JOB in {argument.kind for command in program.walk() for argument in command.arguments}


@pytest.mark.parametrize(("shell", "make"), [("bash", bash), ("zsh", zsh), ("fish", fish)])
def test_syntax(shell, make):
    """The shell itself can read it."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    subprocess.run([shell, "-n"], input=make(), text=True, check=True)
