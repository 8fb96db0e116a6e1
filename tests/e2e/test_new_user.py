"""A new user's first hour: a fresh backup box, a fresh source, the package, `setup`, `doctor`, and pulls on schedule."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_setup import JOB, MAKE_SOURCE, SOURCE, TARGET, Pair
from tests.lab.lab import Lab
from tests.lab.pools import fresh_pool
from tests.lab.site import Site, wait_until


log = logging.getLogger("zfspull.e2e")
pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]  # a build, and dpkg under emulation
LET_IN = "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cat /root/.ssh/id_ed25519.pub"


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Tell how long it took."""
    begun = time.monotonic()
    yield
    log.info("%s: %.0f s", what, time.monotonic() - begun)


@pytest.mark.parametrize("release", ["trixie", pytest.param("bookworm", marks=pytest.mark.release)])
def test_from_a_package_to_pulls_on_schedule(deb: Path, release: str) -> None:
    """Four commands on the backup box, none on the source: encrypted datasets arrive by themselves, and nobody is root."""
    with Lab() as lab:
        source, backup = lab.machine("source", release=release), lab.machine("backup")
        lab.boot()
        with fresh_pool(source, name="tank"), fresh_pool(backup, name="backup"):
            source.write("/root/make-source", MAKE_SOURCE)
            source.run("sh /root/make-source")
            source.run("cat >>/root/.ssh/authorized_keys", input=backup.run(LET_IN).stdout)
            backup.put(deb, "/root/zfspull.deb")
            site, pair = Site(source, backup), Pair(source, backup)
            with timed(f"source {release}: dpkg -i"):
                backup.run("dpkg -i /root/zfspull.deb", timeout_seconds=900)
            with timed("zfspull setup"):
                out = pair.setup("--schedule", "every 20s")
            assert "all well" in out, out
            with timed("systemctl enable --now zfspull"):
                backup.run("systemctl enable --now zfspull", timeout_seconds=180)
            with timed("two pulls on schedule"):
                wait_until("two pulls on schedule", lambda: _successes(site) >= 2, timeout_seconds=300)
            with timed("zfspull doctor"):
                assert pair.doctor() == []

            processes = backup.run("ps -o user= -C zfspull,python3,zfs").stdout.split()
            assert set(processes) == {"zfspull"}
            assert "root" not in source.run("ps -o user= -C zfspull-gate", check=False).stdout
            replica = backup.run(f"zfs list -Hp -r -t snapshot -o guid '{TARGET}'").stdout.split()
            assert replica
            assert set(replica) <= set(source.run(f"zfs list -Hp -r -t snapshot -o guid '{SOURCE}'").stdout.split())
            keys = backup.run(f"zfs get -Hp -o value -r -t filesystem,volume keystatus '{TARGET}'").stdout.split()
            assert set(keys) == {"unavailable"}
            backup.run("systemctl stop zfspull")


def _successes(site: Site) -> float:
    return site.metrics().get(f'zfspull_job_runs_total{{job="{JOB}",result="success"}}', 0.0)
