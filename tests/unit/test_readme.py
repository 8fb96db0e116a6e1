"""The README: what it tells people to do works, and what it promises has a test."""

from __future__ import annotations

import re
import tomllib

from tests.unit.markdown import ROOT, fences, rows, sections
from zfspull.config.load import DEFAULT_FILE, JOBS_DIRECTORY, load_config
from zfspull.hosts.ends import default_key
from zfspull.plan.schedule import parse_schedule


TEXT = (ROOT / "README.md").read_text()
SHELL = "\n".join(fences(TEXT, "sh"))


def test_it_is_short():
    """Nobody reads a long one."""
    assert len(TEXT.splitlines()) <= 200


def test_every_promise_has_a_test():
    """The promises P1 to P10 stand there in order, each with a test that exists."""
    names = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }
    table = rows(sections(TEXT, 2)["Promises"])
    assert [promise for promise, _, _ in table] == [f"P{number}" for number in range(1, 11)]
    for promise, _, test in table:
        assert test.strip("`") in names, (promise, test)


def test_its_two_files_are_one_job(tmp_path):
    """The two files of the quick start are a whole configuration: an hourly job called home, as a user of its own."""
    for body in fences(TEXT, "yaml"):
        if found := re.match(rf"# {DEFAULT_FILE.parent}/(\S+)\n", body):
            file = tmp_path / found[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(body)

    config = load_config(tmp_path / DEFAULT_FILE.name)

    assert list(config.jobs) == ["home"]
    assert config.hosts["gw"].user == "zfspull"
    assert config.jobs["home"].schedule == parse_schedule("@hourly")
    assert f"send,snapshot,hold,release {config.jobs['home'].source}" in SHELL


def test_its_paths_are_the_defaults(monkeypatch):
    """Files are put where the program looks for them when it is told nothing."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("CONFIGURATION_DIRECTORY", raising=False)
    host = load_config(ROOT / "config/zfspull.yaml").hosts["nas"]
    assert f"ssh-keygen -t ed25519 -N '' -C zfspull -f {default_key()}" in SHELL
    assert f">>{host.known_hosts}" in SHELL
    assert f"{DEFAULT_FILE.parent}/{JOBS_DIRECTORY}" in SHELL


def test_its_installation_fits_the_project():
    """What it installs from is there and pinned by hash, and what it links to is what the package and the unit call."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "zfspull" in project["scripts"]
    assert "ln -s /opt/zfspull/bin/zfspull /usr/local/bin/zfspull" in SHELL
    assert "ExecStart=zfspull daemon" in (ROOT / "systemd/zfspull.service").read_text()
    assert "install -m 644 systemd/zfspull.service" in SHELL
    lock = (ROOT / "requirements/runtime.lock").read_text()
    pins = re.findall(r"^([\w.-]+)==[^\n]+ \\\n +--hash=sha256:", lock, re.MULTILINE)
    assert {re.match(r"[\w.-]+", line)[0].replace(".", "-") for line in project["dependencies"]} <= set(pins)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))


def test_the_layout_names_every_room():
    """The layout has every package of the source and every directory of the repository that people work in."""
    layout = fences(sections(TEXT, 2)["Layout"], "")[0]
    rooms = {path.parent.name for path in (ROOT / "zfspull").glob("*/__init__.py")}
    assert set(re.findall(r"zfspull/(\w+)/", layout)) == rooms
    for directory in re.findall(r"^(\w+)/ ", layout, re.MULTILINE):
        assert (ROOT / directory).is_dir()
