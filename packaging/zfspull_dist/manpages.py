"""zfspull(8), from the parser and docs/reference/cli.md, and zfspull.yaml(5), from docs/reference/configuration.md.

Tests hold both documents against parser and schema, so the pages are complete when the documents are.
"""

from __future__ import annotations

import re
import time

from zfspull_dist.checkout import ROOT, VERSION
from zfspull_dist.commands import Command, Option, read_program
from zfspull_dist.roff import convert, escape, heading, inline, line, tagged, verbatim


_FILES = (
    ("/etc/zfspull/zfspull.yaml", "hosts, defaults, target settings; see `zfspull.yaml`(5)"),
    ("/etc/zfspull/jobs.d/*.yaml", "one job each"),
    ("/etc/zfspull/keys/id_ed25519", "the private key with which the daemon logs in, where a host names no other"),
    ("/etc/zfspull/known_hosts", "the host keys that are trusted"),
    ("/var/lib/zfspull", "run history and locks"),
    ("/run/zfspull/control.sock", "the control socket of the daemon"),
    ("/usr/share/doc/zfspull", "how-tos, the reference, the runbook, samples of configuration and alerting rules"),
)


def program_page(epoch: int) -> str:
    """The source of zfspull(8)."""
    program, everywhere = read_program()
    reference = (ROOT / "docs/reference/cli.md").read_text()
    intro, sections = _sections(reference, "## ")
    above, told = _sections(sections.pop("Commands"), "### ")
    lines = [
        *_title("zfspull", 8, "pull-based ZFS replication", epoch),
        heading(1, "synopsis"),
        *(made for command in program.commands for made in (".br", f"\\fB{escape(command.usage)}\\fP")),
        heading(1, "description"),
        ".PP",
        line(inline(program.description)),
        *convert(_without_usage(intro)),
    ]
    for title, body in sections.items():
        if title == "Global options":
            lines += [heading(1, title), *convert(body), *_not_told(everywhere, body)]
    lines += [heading(1, "commands"), *convert(above)]
    for command in program.commands:
        lines += _command(command, told.pop(f"`zfspull {command.words[0]}`", ""))
    for title, body in (*told.items(), *sections.items()):
        if title != "Global options":
            lines += [heading(1, "exit status" if title == "Exit codes" else title), *convert(body)]
    lines.append(heading(1, "files"))
    for path, meaning in _FILES:
        lines += tagged(f"\\fI{escape(path)}\\fP", inline(meaning))
    lines += [heading(1, "see also"), ".BR zfspull.yaml (5),", ".BR zfs\\-receive (8),", ".BR zfs\\-allow (8)"]
    return _page(lines)


def configuration_page(epoch: int) -> str:
    """The source of zfspull.yaml(5)."""
    reference = (ROOT / "docs/reference/configuration.md").read_text()
    body = reference.partition("\n")[2]
    lines = [
        *_title("zfspull.yaml", 5, "configuration of zfspull", epoch),
        heading(1, "description"),
        *convert(body),
        heading(1, "examples"),
        ".PP",
        line(inline("The main file, `/etc/zfspull/zfspull.yaml`:")),
        *verbatim(["hosts:", "  gw:", "    address: 10.77.0.1", "    user: zfspull"]),
        ".PP",
        line(inline("A job called home, `/etc/zfspull/jobs.d/home.yaml`:")),
        *verbatim(
            ["source: gw:tank/home", "target: backup/gw/home", "recursive: true", 'schedule: "@hourly"',
             "snapshots: {take: true}", "keep: {last: 3, hourly: 48, daily: 30, weekly: 8, monthly: 12}"]
        ),
        ".PP",
        line(inline("Both with comments: `/usr/share/doc/zfspull/examples`.")),
        heading(1, "see also"),
        ".BR zfspull (8)",
    ]  # fmt: skip
    return _page(lines)


def _title(name: str, section: int, purpose: str, epoch: int) -> list[str]:
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    return [
        f'.TH {escape(name)} {section} {date} "zfspull {VERSION}"',
        ".nh",
        ".ad l",
        heading(1, "name"),
        f"{escape(name)} \\- {escape(purpose)}",
    ]


def _page(lines: list[str]) -> str:
    """The lines as a text, without the paragraphs and breaks right after headings, which mean nothing there."""
    kept = lines[:1]
    for text in lines[1:]:
        if not (text in {".PP", ".br"} and kept[-1].startswith((".SH", ".SS"))):
            kept.append(text)
    return "\n".join(kept) + "\n"


def _sections(text: str, mark: str) -> tuple[str, dict[str, str]]:
    """What stands before the first heading with that mark (without a title), and the text below each heading."""
    before, *parts = re.split(rf"^{mark}", text, flags=re.MULTILINE)
    before = re.sub(r"^# .*\n", "", before)
    return before, {title.strip(): body for title, _, body in (part.partition("\n") for part in parts)}


def _without_usage(intro: str) -> str:
    """The synopsis is made from the parser."""
    return re.sub(r"^    zfspull .*\n", "", intro, flags=re.MULTILINE)


def _command(command: Command, told: str) -> list[str]:
    """A command: usage, what the reference tells, options, examples, the verbs below it."""
    lines = [heading(2, f"zfspull {' '.join(command.words)}")]
    if len(command.words) > 1 or not command.commands:
        lines += [".PP", f"\\fB{escape(command.usage)}\\fP"]
    lines += convert(told or command.description)
    for option in (*command.options, *command.arguments):
        lines += _option(option)
    if command.examples:
        lines += [".PP", "Examples:", *verbatim([text.strip() for text in command.examples.splitlines()])]
    for verb in command.commands:
        lines += _command(verb, "")
    return lines


def _not_told(options: tuple[Option, ...], told: str) -> list[str]:
    """Options that the reference does not have a row for."""
    return [made for option in options if f"`{option.names[-1]}" not in told for made in _option(option)]


def _option(option: Option) -> list[str]:
    value = "|".join(option.choices) or option.metavar
    if not option.names:
        return tagged(f"\\fI{escape(value)}\\fP", inline(option.help))
    names = ", ".join(f"\\fB{escape(name)}\\fP" for name in option.names)
    takes = "" if option.kind.name == "NONE" else f" \\fI{escape(value)}\\fP"
    return tagged(names + takes, inline(option.help))
