"""The man pages: complete, and without a complaint of troff."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from zfspull_dist.commands import read_program
from zfspull_dist.manpages import configuration_page, program_page
from zfspull_dist.roff import convert, inline

from zfspull.config.jsonschema import job_schema, main_schema


EPOCH = 1_795_000_000


def plain(page: str) -> str:
    """The text without fonts, and characters as they are read."""
    text = re.sub(r"\\f[BIPR]", "", page)
    for escaped, character in ((r"\-", "-"), (r"\e", "\\"), (r"\(aq", "'"), (r"\(ti", "~"), (r"\(ha", "^")):
        text = text.replace(escaped, character)
    return text


def keys() -> set[str]:
    """Every key of both kinds of files."""
    schemas = (main_schema(), job_schema())
    shapes = [shape for schema in schemas for shape in (schema, *schema["$defs"].values())]
    return {key for shape in shapes for key in shape.get("properties", {})}


def test_every_command_and_option_is_there():
    """zfspull(8) has a part for each command with its usage, and a tag for each of its options and the global ones."""
    page = plain(program_page(EPOCH))
    program, everywhere = read_program()
    tags = "\n".join(re.findall(r"^\.TP\n(.*)$", page, re.MULTILINE))
    for command in program.walk():
        if command.words:
            assert f"\n.SS zfspull {' '.join(command.words)}\n" in page
        if command.words and not command.commands:
            assert command.usage in page
        for option in (*command.options, *everywhere):
            assert all(re.search(rf"(^|[ ,]){name}\b", tags, re.MULTILINE) for name in option.names), option


def test_every_key_is_there():
    """zfspull.yaml(5) has a tag for each key of the configuration."""
    tags = set(re.findall(r"^\.TP\n(\S+)$", plain(configuration_page(EPOCH)), re.MULTILINE))
    assert {key for key in keys() if key not in tags} == set()


@pytest.mark.parametrize("page", [program_page(EPOCH), configuration_page(EPOCH)], ids=["zfspull.8", "zfspull.yaml.5"])
def test_troff_has_no_complaint(page):
    """Every warning of groff is off the page, and no Markdown is left on it."""
    assert page.isascii()
    assert not re.search(r"^(#|```|\|)|\]\(", page, re.MULTILINE)
    if not shutil.which("groff"):
        pytest.skip("no groff here")
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8"], input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "zfspull" in done.stdout


def test_same_page_at_any_time():
    """A page bears the date it is given, and no other."""
    assert program_page(EPOCH) == program_page(EPOCH)
    assert " 2026-11-18 " in plain(program_page(EPOCH)).splitlines()[0]


@pytest.mark.parametrize(
    ("markdown", "troff"),
    [
        ("a-b `c -d`", r"a\-b \fBc \-d\fP"),
        ("[the *x*](y.md#z) **b**", r"the \fIx\fP \fBb\fP"),
        (r"`\x1b`", r"\fB\ex1b\fP"),
    ],
)
def test_inline(markdown, troff):
    """Code and emphasis become fonts, links their text, and nothing is taken for an escape of troff's."""
    assert inline(markdown) == troff


def test_a_line_is_never_a_request():
    """Text that begins with a dot or an apostrophe is text."""
    assert convert(".so /etc/passwd") == [".PP", r"\&.so /etc/passwd"]
    assert convert("```\n.de x\n```")[3] == r"\&.de x"


def test_table():
    """A table becomes tags, with what its middle columns say in front."""
    table = "| key | default | meaning |\n|---|---|---|\n| `a` | `1` | so many |\n| `b` | required | which |"
    assert convert(table) == [".TP", r"\fBa\fP", r"Default: \fB1\fP. So many", ".TP", r"\fBb\fP", "Required. Which"]
