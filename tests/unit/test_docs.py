"""What the documents say, held against the code."""

from __future__ import annotations

import contextlib
import io
import re
import shlex

import pytest
from ruamel.yaml import YAML

from tests.lab.command import _parser as lab_parser
from tests.unit.markdown import DOCUMENTS, ROOT, anchors, code_words, fences, name_of, prose, rows, sections
from zfspull import __version__
from zfspull.cli.main import build_parser
from zfspull.config.jsonschema import job_schema, main_schema
from zfspull.config.load import load_config
from zfspull.plan.steps import Reason
from zfspull.zfs.texts import TABLE, Verdict


of_each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)

HOSTS = "hosts: {gw: {address: 10.77.0.1}, nas: {address: nas.example.org}}\ndefaults: {schedule: manual}\n"
FILE_OF_SNIPPET = re.compile(r"# /etc/zfspull/(zfspull\.yaml|jobs\.d/[\w-]+\.yaml)\n")


@of_each_document
def test_links_lead_somewhere(document):
    """Every link within the repository leads to a file that exists, and to a heading that it has."""
    text = document.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), target


@of_each_document
def test_configuration_snippets_are_right(document, tmp_path):
    """Every configuration file that a document shows is loaded without a complaint, together with those before it."""
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "zfspull.yaml").write_text(HOSTS)
    for body in fences(document.read_text(), "yaml"):
        if (file := FILE_OF_SNIPPET.match(body)) is not None:
            if file[1] == "zfspull.yaml":
                for old in (tmp_path / "jobs.d").iterdir():
                    old.unlink()
            (tmp_path / file[1]).write_text(body)
            load_config(tmp_path / "zfspull.yaml")


def test_every_yaml_snippet_is_yaml():
    """What is no configuration of zfspull is YAML all the same, and that of other programs names itself."""
    others = {"scrape_configs", "rule_files"}
    for document in DOCUMENTS:
        for body in fences(document.read_text(), "yaml"):
            data = YAML(typ="safe", pure=True).load(body)
            assert FILE_OF_SNIPPET.match(body) or set(data) <= others, (name_of(document), body)


def words_of(lines):
    """The command lines in `lines`, as lists of words without the brackets around what may be left out."""
    for line in lines:
        for command in re.split(r"&&|(?<=\s)\|\s", line):
            try:
                yield [word.strip("[]") for word in shlex.split(command, comments=True)]
            except ValueError:
                assert "zfspull" not in command, command


def in_blocks(text):
    """The command lines to be typed."""
    return words_of(line for body in fences(text, "sh") for line in body.splitlines())


def complaint(words):
    """What the parser says about a command line; "" if it takes it."""
    shown = io.StringIO()
    try:
        with contextlib.redirect_stderr(shown), contextlib.redirect_stdout(shown):
            build_parser().parse_args(words)
    except SystemExit as end:
        return shown.getvalue() if end.code else ""
    return ""


@of_each_document
def test_commands_exist(document):
    """Every `zfspull` command line that a document shows is one that the parser takes; in a sentence it may be cut short."""
    text = document.read_text()
    for words in in_blocks(text):
        if words[:1] == ["zfspull"]:
            assert not complaint(words[1:])
    for words in words_of(code_words(text)):
        if words[:1] == ["zfspull"] and len(words) > 1 and words[1].islower():
            assert re.search(r"required|^$", complaint(words[1:])), words


@of_each_document
def test_scripts_exist(document):
    """Every script that a document names exists, with the options and the lab's commands that it names."""
    text = document.read_text()
    for name, rest in re.findall(r"scripts/(\w+)((?: +[\w-]+)*)", text):
        script = ROOT / "scripts" / name
        assert script.stat().st_mode & 0o111, name
        source = (
            script.read_text() + (ROOT / "tests/lab/demo.py").read_text() + (ROOT / "tests/lab/command.py").read_text()
        )
        for option in re.findall(r"(--[\w-]+)", rest):
            assert option in source or option == "--help", (name, option)
    for line in (
        words for words in words_of(code_words(text)) if words[:1] == ["scripts/lab"] and "--help" not in words
    ):
        if len(line) > 1:
            lab_parser().parse_args(line[1:])


@of_each_document
def test_named_files_exist(document):
    """Every file of the repository that a document names in backticks is there, from the top or from `zfspull/`."""
    tops = {path.name for top in (ROOT, ROOT / "zfspull") for path in top.iterdir() if path.is_dir()}
    for code in code_words(document.read_text()):
        if re.fullmatch(r"[a-z_]+/[\w./-]+", code) and code.split("/")[0] in tops - {"backup"}:
            assert (ROOT / code).exists() or (ROOT / "zfspull" / code).exists(), code


def test_the_tour_of_the_source_is_complete():
    """CONTRIBUTING's tour names every room, and no module that does not exist."""
    tour = next(body for body in fences((ROOT / "CONTRIBUTING.md").read_text(), "") if body.startswith("zfspull/"))
    package = ROOT / "zfspull"
    rooms = set(re.findall(r"^  (\w+)/", tour, re.MULTILINE))
    assert rooms == {path.parent.name for path in package.glob("*/__init__.py")}
    for part in re.split(r"^  (?=\w)", tour, flags=re.MULTILINE)[1:]:
        room = package / part.split("/")[0] if "/" in part.split()[0] else package
        for pattern in re.findall(r"[\w*]+\.py", part):
            assert list(room.glob(pattern)), pattern


def test_permissions_are_the_same_everywhere():
    """Whatever document tells what to grant on the source, it is the same list."""
    granted = {
        (name_of(document), permissions)
        for document in DOCUMENTS
        for permissions in re.findall(r"zfs allow -u zfspull (\S+) tank/home", document.read_text())
    }
    assert {"README.md", "docs/how-to/set-up.md", "docs/how-to/restore.md"} <= {document for document, _ in granted}
    assert len({permissions for _, permissions in granted}) == 1, granted


def test_permissions_here_are_the_same_everywhere():
    """So is what the daemon's user is granted on the backup box, also where a replica is moved or taken over."""
    granted = {
        name_of(document): set(re.findall(r"zfs allow -u zfspull (\S+) (?:backup|vault)/", document.read_text()))
        for document in DOCUMENTS
    }
    assert granted["docs/how-to/move-and-rename.md"]
    assert len(set().union(*granted.values())) == 1, granted


def test_permissions_are_explained():
    """Each permission that is to be granted has its reason in the how-to."""
    text = (ROOT / "docs/how-to/set-up.md").read_text()
    granted = re.search(r"zfs allow -u zfspull (\S+) tank/home", text)[1].split(",")
    explained = {
        word
        for cells in rows(sections(text, 2)["Least privilege on the source"])
        for word in re.findall(r"`(\w+)`", cells[0])
    }
    assert set(granted) == explained


def test_every_reason_has_a_section():
    """Whoever meets a refusal finds its reason as a heading, with what it means and the ways out."""
    text = (ROOT / "docs/how-to/when-a-dataset-is-refused.md").read_text()
    reasons = {reason.value for reason in Reason} | {row.reason for row in TABLE if row.verdict is Verdict.REFUSE}
    found = sections(text, 2)
    assert found.keys() - {"Let a job decide beforehand"} == reasons | {"no_snapshots", "max_destroy"}
    for reason in reasons:
        assert "**Means:**" in found[reason], reason
        assert "**Ways out:**" in found[reason], reason


def keys_by_section():
    """By heading of the reference, the schema whose keys it explains."""
    main, job = main_schema(), job_schema()
    parts = main["$defs"] | job["$defs"]
    own = parts["KeepSet"]["properties"].keys() - parts["Keep"]["properties"].keys()
    return {
        "rule sets": {"properties": dict.fromkeys(own)}, "The main file": main, "hosts": parts["Host"], "target": parts["TargetSettings"], "http": parts["Http"],
        "limits": parts["Limits"], "A job": job, "mirror": parts["Mirror"], "snapshots": parts["Snapshots"], "keep": parts["Keep"],
        "retry": parts["Retry"],
    }  # fmt: skip


REFERENCE = (ROOT / "docs/reference/configuration.md").read_text()


def rows_of(heading):
    level = 2 if heading in sections(REFERENCE, 2) else 3
    text = sections(REFERENCE, level)[heading].split("\n### ")[0]
    return {cells[0].strip("`"): cells[1] for cells in rows(text)}


@pytest.mark.parametrize("heading", keys_by_section())
def test_every_key_is_documented(heading):
    """The reference has one row for each key of the configuration, and for no other."""
    assert rows_of(heading).keys() == keys_by_section()[heading]["properties"].keys()


def test_every_default_key_is_documented():
    """The list of what may stand under `defaults` is complete."""
    listed = re.split(r", as in", sections(REFERENCE, 3)["defaults"])[0]
    assert set(re.findall(r"`(\w+)`", listed)) == main_schema()["$defs"]["Defaults"]["properties"].keys()


DEFAULTS = [
    (heading, key, default.strip("`"))
    for heading in keys_by_section()
    for key, default in rows_of(heading).items()
    if default.startswith("`") and default.endswith("`")
]
PLACES = {
    "The main file": "{0}",
    "hosts": "hosts: {{gw: {{address: gw, {0}}}}}",
    "target": "target: {{{0}}}",
    "http": "http: {{{0}}}",
    "limits": "limits: {{{0}}}",
    "A job": "{0}",
    "snapshots": "snapshots: {{{0}}}",
    "keep": "keep: {{matching: x, {0}}}",
    "rule sets": "keep: [{{snapshots: x, last: 1, {0}}}]",
    "retry": "retry: {{{0}}}",
    "mirror": "mirror: {{snapshots: true, {0}}}",
}
IN_A_JOB = {"A job", "snapshots", "keep", "retry", "mirror", "rule sets"}


@pytest.mark.parametrize(("heading", "key", "default"), DEFAULTS, ids=lambda value: value)
def test_documented_defaults_are_the_defaults(heading, key, default, tmp_path):
    """Writing a key with the default that the reference tells is the same as leaving it out."""

    def load(given):
        main, job = "hosts: {gw: {address: gw}}\n", "source: gw:a\ntarget: b/c\nschedule: manual\n"
        text = PLACES[heading].format(given)
        if heading in IN_A_JOB:
            job += text
        elif heading == "hosts":
            main = text
        else:
            main += text
        (tmp_path / "jobs.d").mkdir(exist_ok=True)
        (tmp_path / "zfspull.yaml").write_text(main)
        (tmp_path / "jobs.d/one.yaml").write_text(job)
        return load_config(tmp_path / "zfspull.yaml")

    assert load(f"{key}: {default if default[0] in '[{' else repr_of(default)}") == load("")


def repr_of(default):
    """A scalar as it stands, in quotes where YAML within braces would take it apart."""
    return f'"{default}"' if ":" in default or "/" in default else default


def test_every_threat_has_a_test():
    """Each row of the threat model names what holds it and a test that exists, or sends the reader on to the next table."""
    text = (ROOT / "docs/security.md").read_text()
    tables = {heading: rows(body) for heading, body in sections(text, 2).items()}
    assert [heading for heading, table in tables.items() if not table] == ["What is not held"]
    for threat, holds, shown in (row for table in tables.values() for row in table):
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", shown)
        assert holds, threat
        assert named or "next table" in holds, threat
        for file, test in named:
            assert re.search(rf"^(?:async )?def {test}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), (
                file,
                test,
            )


def test_the_index_has_every_document():
    """docs/README.md links to every document below docs/."""
    index = (ROOT / "docs/README.md").read_text()
    for document in (ROOT / "docs").rglob("*.md"):
        if document.name != "README.md":
            assert f"({document.relative_to(ROOT / 'docs')})" in index


def test_one_scrape_configuration():
    """All documents tell Prometheus the same, at the port that is the default."""
    found = {
        body
        for document in DOCUMENTS
        for body in fences(document.read_text(), "yaml")
        if body.startswith("scrape_configs")
    }
    assert len(found) == 1
    assert rows_of("http")["listen"].strip("`") in found.pop()


def test_metrics_in_the_how_to_exist():
    """The how-to asks Prometheus for nothing that the reference does not have."""
    reference = (ROOT / "docs/reference/metrics.md").read_text()
    for metric in re.findall(r"zfspull_\w+", (ROOT / "docs/how-to/monitoring.md").read_text()):
        assert f"`{metric}`" in reference


def test_the_changelog_has_the_version():
    """The version that the program tells has an entry."""
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_hooks_are_those_of_this_environment():
    """The hooks before a commit fetch nothing: they run tools that the lock file pins and scripts/test uses too."""
    hooks = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert hook["language"] == "system"
        assert f"$bin/{tool}" in (ROOT / "scripts/test").read_text()
        assert f"\n{tool}==" in (ROOT / "requirements/dev.lock").read_text()
