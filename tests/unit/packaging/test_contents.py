"""What is packaged: files that exist, scripts that shells can read, a configuration that is right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from zfspull_dist.contents import CONFFILES, COPIED, EXECUTABLE, PRIVATE, lay_out, unit
from zfspull_dist.libraries import PYTHON_VERSIONS, MergeError, merge
from zfspull_dist.python import build_sdist, build_wheel

from tests.lab.image import PYTHON_OF_RELEASE
from tests.unit.markdown import ROOT
from zfspull.config.load import load_config
from zfspull.daemon.paths import Paths


EPOCH = 1_795_000_000
SHELL = sorted(
    {
        path
        for path in (ROOT / "packaging").rglob("*")
        if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh\n")
    }
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Everything but the libraries, laid out."""
    directory = tmp_path_factory.mktemp("root")
    lay_out(directory, EPOCH)
    return directory


def test_the_tables_agree(root):
    """Every conffile, executable and private directory is there."""
    for name in (*CONFFILES, *PRIVATE):
        assert (root / name.lstrip("/")).exists(), name
    for name in EXECUTABLE:
        assert (root / name).read_bytes().startswith(b"#!"), name
    assert set(COPIED.values()) >= {"usr/bin/zfspull", "etc/zfspull/zfspull.yaml"}


def test_the_packaged_configuration_is_right(root):
    """As installed, the configuration has no mistake, no host and no job; uncommented, its sample is right too."""
    directory = root / "etc/zfspull"
    config = load_config(directory / "zfspull.yaml")
    assert not config.jobs
    assert not config.hosts
    _, commented = (directory / "zfspull.yaml").read_text().split("hosts: {}\n")
    sample = directory / "sample.yaml"
    sample.write_text(re.sub("^#", "", commented, flags=re.MULTILINE))
    assert list(load_config(sample).hosts) == ["gw"]


def test_the_unit_names_the_packaged_program():
    """The packaged unit runs /usr/bin/zfspull, even where another one is in /usr/local."""
    text = unit()
    assert "\nExecStart=/usr/bin/zfspull daemon\n" in text
    assert not re.search(r"^Exec\w+=[-+!@:]*zfspull", text, re.MULTILINE)
    assert "No absolute path" not in text


def test_paths_are_those_of_the_program(root):
    """The directories of the package, its user and its scripts are where the program looks."""
    usual = Paths()
    assert f"/{CONFFILES[0].lstrip('/')}" == str(usual.config_file)
    purge = (ROOT / "packaging/debian/postrm").read_text()
    assert re.findall(r"^ +forget (\S+)$", purge, re.MULTILINE) == [str(usual.configuration), str(usual.state)]
    assert f" {usual.state} " in (ROOT / "packaging/debian/sysusers.conf").read_text()


def test_no_script_touches_a_pool():
    """No maintainer script calls zfs or zpool, and what purging removes stays on one file system."""
    for name in ("postinst", "prerm", "postrm"):
        text = re.sub(r"^ *#.*$", "", (ROOT / "packaging/debian" / name).read_text(), flags=re.MULTILINE)
        assert not re.search(r"\b(zfs|zpool|curl|wget|pip|apt\S*)\b", text), name
        assert all("--one-file-system" in line for line in text.splitlines() if re.search(r"\brm -", line)), name


@pytest.mark.parametrize("script", SHELL, ids=lambda path: str(path.relative_to(ROOT / "packaging")))
def test_shell_can_read_it(script):
    """Every shell script is POSIX sh as far as sh tells without running it, and executable."""
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111
    if shutil.which("shellcheck"):
        # FreeBSD's rc.subr reads variables that nothing here does.
        subprocess.run(["shellcheck", "--severity=warning", "--exclude=SC2034", str(script)], check=True)


def test_the_rc_script_tells_rc():
    """FreeBSD's rcorder finds what the script provides and needs, and it says that it is untested."""
    text = (ROOT / "packaging/freebsd/zfspull").read_text()
    for line in ("# PROVIDE: zfspull", "# REQUIRE: ", "# KEYWORD: shutdown", ". /etc/rc.subr", 'run_rc_command "$1"'):
        assert re.search(rf"^{re.escape(line)}", text, re.MULTILINE), line
    assert "UNTESTED" in text


def test_both_releases_of_the_lab_are_served():
    """The package has libraries for exactly the Pythons of the releases that it is tested on."""
    assert set(PYTHON_VERSIONS) == set(PYTHON_OF_RELEASE.values())


def test_pythons_that_differ_do_not_share(tmp_path):
    """Libraries are merged only while what they share is the same; a wheel's own notes may differ."""
    one, other, merged = tmp_path / "one", tmp_path / "other", tmp_path / "merged"
    for directory, text in ((one, "1"), (other, "2")):
        (directory / "x-1.dist-info").mkdir(parents=True)
        (directory / "x-1.dist-info/WHEEL").write_text(text)
        (directory / f"_x.cpython-31{text}-x86_64-linux-gnu.so").write_text(text)
    merge(one, merged)
    merge(other, merged)
    assert (merged / "x-1.dist-info/WHEEL").read_text() == "2"
    assert len(list(merged.glob("*.so"))) == 2
    (one / "x.py").write_text("one")
    (other / "x.py").write_text("other")
    merge(one, merged)
    with pytest.raises(MergeError, match=r"x\.py differs"):
        merge(other, merged)


@pytest.mark.parametrize("build", [build_wheel, build_sdist])
def test_two_builds_are_the_same(build, tmp_path):
    """Wheel and sdist are functions of the checkout: the same bytes whenever they are built, by whomever."""
    first = build(tmp_path / "first", EPOCH)
    mask = os.umask(0o077)
    try:
        second = build(tmp_path / "second", EPOCH)
    finally:
        os.umask(mask)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_command_knows_what_it_builds(tmp_path):
    """scripts/build refuses what it does not know, before it builds anything."""
    done = subprocess.run(
        [sys.executable, "-m", "zfspull_dist", "--into", str(tmp_path), "docs", "rpm"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "packaging")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "rpm" in done.stderr
    assert list(tmp_path.iterdir()) == []
