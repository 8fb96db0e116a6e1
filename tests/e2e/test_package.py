"""The Debian package on Debian 12 and 13: installed, upgraded in the middle of a transfer, removed, purged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfspull_dist.checkout import ROOT, VERSION

from tests.e2e.conftest import MAIN
from tests.e2e.test_daemon import ON_ITS_WAY_BYTES
from tests.lab.cache import digest, made
from tests.lab.host import run_host
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.pools import fresh_pool
from tests.lab.site import CONFIG, Site, wait_until


pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # a build fetches and packs for two Pythons

JOB = """\
source: gw:tank/home
target: backup/gw/home
recursive: true
schedule: manual
"""
BIG_BYTES = 24_000_000
SLOW = "rate 2mbit"
DPKG_SECONDS = 900.0  # the machine compiles a thousand modules to byte code, under emulation
NEWER = f"{VERSION}-2"
# What a package leaves on purpose (the user, what systemd notes of it) is not looked for by content.
LEFTOVERS = "find /etc /usr /var /run -xdev -iname '*zfspull*' ! -path '/var/log/*' ! -path '/run/systemd/*'"
# The lab's image leaves these out of all packages.
WITH_DOCUMENTATION = "--path-include='/usr/share/man/*' --path-include='/usr/share/doc/*'"
LINTIAN = ("lintian",)
NO_RECOMMENDS = '--aptopt=Apt::Install-Recommends "false"'


@pytest.fixture(scope="module")
def newer_deb(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a higher version, packed quickly."""
    directory = tmp_path_factory.mktemp("newer")
    root, newer = directory / "root", directory / "newer.deb"
    run_host(["dpkg-deb", "--raw-extract", str(deb), str(root)])
    control = root / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}-1\n", f"Version: {NEWER}\n"))
    run_host(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(root), str(newer)])
    return newer


@pytest.fixture(scope="module", params=["trixie", pytest.param("bookworm", marks=pytest.mark.release)])
def site(request: pytest.FixtureRequest, deb: Path, newer_deb: Path) -> Iterator[Site]:
    """A source with a tree and a fresh backup box of that release, with both packages in its /root."""
    with Lab() as lab:
        source, backup = lab.machine("source"), lab.machine("backup", release=request.param)
        lab.boot()
        backup.put(deb, "/root/zfspull.deb")
        backup.put(newer_deb, "/root/newer.deb")
        with fresh_pool(source, name="tank"), fresh_pool(backup, name="backup"):
            source.run("zfs create -o compression=off tank/home && zfs create tank/home/mail")
            source.run(f"head -c {BIG_BYTES} /dev/urandom >/tank/home/file && zfs snapshot -r tank/home@one")
            yield Site(source, backup)
            backup.run("systemctl stop zfspull", check=False)


def state_of_unit(machine: Machine) -> tuple[str, str]:
    """Whether the unit is enabled, and whether it is active, in systemd's words."""
    return tuple(
        machine.run(f"systemctl {question} zfspull", check=False).stdout.strip()
        for question in ("is-enabled", "is-active")
    )


def datasets(machine: Machine) -> str:
    """All that is in the backup pool, by guid."""
    return machine.run("zfs list -Hp -t all -o name,guid -r backup").stdout


def test_install_upgrade_in_mid_transfer_remove_purge(site: Site) -> None:
    """A package's whole life: nothing runs before there is a job, an upgrade resumes, purging spares what is ZFS's."""
    backup = site.backup

    backup.run(f"dpkg -i {WITH_DOCUMENTATION} /root/zfspull.deb", timeout_seconds=DPKG_SECONDS)
    assert backup.run("zfspull --version").stdout == f"zfspull {VERSION}\n"
    assert backup.run("dpkg --verify zfspull").stdout == ""
    assert backup.run("gzip -dc /usr/share/man/man8/zfspull.8.gz").stdout.startswith(".TH zfspull 8 ")
    assert backup.run("stat -c '%U:%G %a' /etc/zfspull").stdout == "root:zfspull 750\n"
    assert backup.run("stat -c '%U:%G %a' /etc/zfspull/keys").stdout == "root:root 750\n"
    assert "nologin" in backup.run("getent passwd zfspull").stdout
    assert backup.run("zfspull check-config").status == 0
    assert state_of_unit(backup) == ("enabled", "inactive")
    assert backup.run("systemctl show -p Result --value zfspull").stdout == "success\n"

    site.grant("backup")
    site.log_in()
    site.configure(MAIN, {"home": JOB})
    site.start()
    site.source.shape_link(SLOW)
    backup.run("zfspull pull home >/root/pull.log 2>&1 </dev/null &")
    received = 'zfspull_received_bytes_total{job="home"}'
    wait_until("some of it arrived", lambda: site.metrics().get(received, 0) > BIG_BYTES / 6, timeout_seconds=300)
    arrived = site.metrics()[received]
    backup.run("dpkg -i /root/newer.deb", timeout_seconds=DPKG_SECONDS)
    assert backup.run("dpkg-query -W -f '${Version}' zfspull").stdout == NEWER
    assert state_of_unit(backup) == ("enabled", "active")
    token = backup.run("zfs get -Hp -o value receive_resume_token backup/gw/home").stdout.strip()
    assert len(token) > 100
    site.source.shape_link(None)
    assert backup.run("zfspull pull home", timeout_seconds=300).status == 0
    assert site.status()["jobs"]["home"]["last_run"]["resumed"] == 1
    assert site.metrics()[received] < BIG_BYTES - arrived + ON_ITS_WAY_BYTES
    for dataset in ("home", "home/mail"):
        assert site.snapshots(backup, f"backup/gw/{dataset}") == site.snapshots(site.source, f"tank/{dataset}")
    assert not site.bugs()

    before = datasets(backup)
    backup.run("dpkg -r zfspull", timeout_seconds=DPKG_SECONDS)
    assert state_of_unit(backup)[1] == "inactive"
    assert backup.run("test -e /usr/lib/zfspull", check=False).status != 0
    backup.run(f"test -e {CONFIG}/jobs.d/home.yaml && test -e /var/lib/zfspull/history.sqlite")

    # Restored files in the worst of places: below a directory that purging removes.
    backup.run(
        "zfs create -o mountpoint=/var/lib/zfspull/restored backup/restored && touch /var/lib/zfspull/restored/it"
    )
    said = backup.run("dpkg -P zfspull", timeout_seconds=DPKG_SECONDS)
    assert "/var/lib/zfspull is left" in said.stderr
    backup.run("test -e /var/lib/zfspull/restored/it")
    assert backup.run("ls -A /var/lib/zfspull").stdout == "restored\n"
    backup.run("zfs destroy backup/restored && rm -rf /var/lib/zfspull")
    assert datasets(backup) == before
    assert backup.run(LEFTOVERS).stdout == ""
    assert backup.run("dpkg-query -W zfspull", check=False).status != 0


@pytest.mark.release
def test_two_builds_are_the_same(tmp_path: Path) -> None:
    """The package is a function of the checkout: built from two copies in two places, it has the same bytes."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    copies = [tmp_path / "here", tmp_path / "else/where"]
    for copy in copies:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, copy / name)
        _same_as(copies[0], copy)
    packages = [_build_in(copy) for copy in copies]
    assert packages[0].name == packages[1].name
    assert packages[0].read_bytes() == packages[1].read_bytes()


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    """No tag of any weight that is not overridden with its reason, and no override without use."""
    directory = made("lintian", digest([LINTIAN, "trixie", 1]), _make_lintian)
    root = directory / "root"
    name = f"/var/tmp/{digest(str(deb))}-{deb.name}"
    try:
        (root / name[1:]).write_bytes(deb.read_bytes())
        done = subprocess.run(
            ["chroot", str(root), "env", "LC_ALL=C.UTF-8", "lintian", "--no-user-dirs", "--allow-root", "--pedantic",
             "--display-info", "--display-experimental", "--tag-display-limit", "0", name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        (root / name[1:]).unlink()
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^[EWIPX]: .*", done.stdout, re.MULTILINE) == []


def _same_as(first: Path, copy: Path) -> None:
    """Fail with the reason if somebody edited the checkout while it was copied."""
    done = subprocess.run(["diff", "-rq", str(first), str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the checkout changed while it was copied: {done.stdout}"


def _build_in(copy: Path) -> Path:
    environment = os.environ | {"PYTHONPATH": f"{copy}:{copy}/packaging", "SOURCE_DATE_EPOCH": "1795000000"}
    done = subprocess.run(
        [sys.executable, "-m", "zfspull_dist", "deb"],
        cwd=copy, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    package = Path(done.stdout.strip())
    assert package.parent == copy / "dist"
    return package


def _make_lintian(into: Path) -> None:
    into.chmod(0o755)
    run_host(
        ["mmdebstrap", "--variant=apt", NO_RECOMMENDS, f"--include={','.join(LINTIAN)}", "trixie", str(into / "root")],
        log_file=into / "mmdebstrap.log",
        temporary=into,
    )
