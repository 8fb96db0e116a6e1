"""The daemon as a systemd service on one machine, pulling from another."""

from __future__ import annotations

import time

from tests.e2e.conftest import MAIN
from tests.lab.site import Site, wait_until


JOB = """\
source: gw:tank/home
target: backup/gw/home
recursive: true
schedule: every 10s
snapshots: {take: true}
keep: {last: 2}
max_destroy: 100%
"""
BY_HAND = """\
source: gw:tank/home
target: backup/gw/home
recursive: true
schedule: manual
retry: {attempts: 10, initial: 1s, maximum: 4s}
"""
DATASETS = ("home", "home/own", "home/mail", "home/vol", "home/big")
BIG_BYTES = 24_000_000
SLOW = "rate 5mbit"
ON_ITS_WAY_BYTES = 3 << 19  # comes again after a stop: a pipe of 1 MiB, and a record that the kernel had not as a whole


def write_big(site: Site) -> None:
    """Give the source something that takes a while over a slow link."""
    site.source.run(f"head -c {BIG_BYTES} /dev/urandom >/tank/home/big/file && zfs snapshot -r tank/home@big")


def received_bytes(site: Site) -> float:
    """What the daemon says that it has received for the job so far."""
    return site.metrics().get('zfspull_received_bytes_total{job="home"}', 0.0)


def assert_replica_is_true(site: Site) -> None:
    """Every snapshot on the target has its guid on the source, the newest there included; nothing is readable."""
    for dataset in DATASETS:
        source = site.snapshots(site.source, f"tank/{dataset}")
        target = site.snapshots(site.backup, f"backup/gw/{dataset}")
        assert target, dataset
        assert set(target) <= set(source), dataset
        assert target[-1] == source[-1], dataset
    keys = site.backup.run("zfs get -Hp -o value -r keystatus backup/gw/home -t filesystem,volume").stdout.split()
    assert set(keys) == {"unavailable"}


def test_three_scheduled_runs(site: Site) -> None:
    """The service pulls on its schedule, takes snapshots, prunes, and tells the truth in metrics and status."""
    site.configure(MAIN, {"home": JOB})
    site.start()
    runs = 'zfspull_job_runs_total{job="home",result="success"}'
    wait_until("three successful runs", lambda: site.metrics().get(runs, 0) >= 3, timeout_seconds=420)
    status = site.status()["jobs"]["home"]
    assert status["problems"] == []
    assert status["last_run"]["outcome"] == "success"
    assert status["last_success_at"] > 0
    site.stop()
    assert site.backup.run("zfspull pull home", timeout_seconds=300).status == 0  # the last run may have been cut short
    assert_replica_is_true(site)
    assert len(site.snapshots(site.backup, "backup/gw/home")) == 2
    assert "first" in dict(site.snapshots(site.source, "tank/home"))
    assert not site.bugs()


def test_reload_is_all_or_nothing(site: Site) -> None:
    """SIGHUP takes a good file over at once, and a bad one leaves the old configuration running."""
    site.configure(MAIN, {"home": BY_HAND})
    site.start()
    site.configure(MAIN, {"home": BY_HAND, "bad": "source: gw:tank/home\ntarget: backup/bad\nschedlue: manual\n"})
    site.backup.run("systemctl reload zfspull")
    loaded = "zfspull_config_last_reload_successful"
    wait_until("the reload is refused", lambda: site.metrics()[loaded] == 0)
    assert set(site.status()["jobs"]) == {"home"}
    assert "bad.yaml:3:1" in site.journal()
    site.configure(MAIN, {"mail": BY_HAND.replace("tank/home", "tank/home/mail").replace("gw/home", "gw/mail")})
    site.backup.run("systemctl reload zfspull")
    wait_until("the reload succeeds", lambda: site.metrics()[loaded] == 1)
    assert set(site.status()["jobs"]) == {"mail"}
    assert site.backup.run("zfspull pull mail", timeout_seconds=300).status == 0
    assert site.snapshots(site.backup, "backup/gw/mail") == site.snapshots(site.source, "tank/home/mail")


def test_stop_in_mid_transfer_then_resume(site: Site) -> None:
    """SIGTERM in the middle of a stream keeps what arrived, and the next run sends only the rest."""
    site.configure(MAIN, {"home": BY_HAND})
    write_big(site)
    site.start()
    site.source.shape_link(SLOW)
    site.backup.run("zfspull pull home >/root/pull.log 2>&1 & :")
    wait_until("half of it arrived", lambda: received_bytes(site) > BIG_BYTES / 2)
    begun = time.monotonic()
    site.stop()
    assert time.monotonic() - begun < 60
    token = site.backup.run("zfs get -Hp -o value receive_resume_token backup/gw/home/big").stdout.strip()
    assert len(token) > 100
    site.source.shape_link(None)
    site.start()
    assert site.backup.run("zfspull pull home", timeout_seconds=420).status == 0
    assert site.status()["jobs"]["home"]["last_run"]["resumed"] == 1
    assert received_bytes(site) < 0.6 * BIG_BYTES
    assert_replica_is_true(site)


def test_cut_link_in_mid_transfer_then_resume(site: Site) -> None:
    """A link that is cut without a word is noticed, and the same run goes on where it stopped once it is mended."""
    site.configure(MAIN, {"home": BY_HAND})
    write_big(site)
    site.start()
    site.source.shape_link(SLOW)
    site.backup.run("zfspull pull home >/root/pull.log 2>&1 & :")
    wait_until("half of it arrived", lambda: received_bytes(site) > BIG_BYTES / 2)
    site.source.cut_link()
    wait_until("the cut is noticed", lambda: "transfer.failed" in site.journal(), timeout_seconds=420)
    assert site.status()["jobs"]["home"]["state"] == "running"
    site.source.restore_link()
    site.source.shape_link(None)
    ended = 'zfspull_job_runs_total{job="home",result="success"}'
    wait_until("the run ends", lambda: site.metrics().get(ended) == 1, timeout_seconds=420)
    run = site.status()["jobs"]["home"]["last_run"]
    assert run["resumed"] >= 1
    assert run["retries"] >= 1
    assert run["received_bytes"] < 1.4 * BIG_BYTES
    assert_replica_is_true(site)


def test_idle_memory(site: Site) -> None:
    """The idle daemon holds less than 120 MiB."""
    site.configure(MAIN, {"home": BY_HAND})
    site.start()
    assert site.backup.run("zfspull pull home", timeout_seconds=300).status == 0
    status = site.backup.run("cat /proc/$(systemctl show -p MainPID --value zfspull)/status").stdout
    resident_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident_kib < 120 * 1024
