"""The unit as it is shipped: its own user without any power, in a sandbox, does the whole job on an encrypted tree."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MAIN
from tests.e2e.test_daemon import BY_HAND, ON_ITS_WAY_BYTES, assert_replica_is_true, received_bytes
from tests.lab.site import KEY, USER, Site, wait_until


pytestmark = pytest.mark.timeout(1200)  # of which it needs a tenth where nothing else goes on
JOB = """\
source: gw:tank/home
target: backup/gw/home
recursive: true
schedule: every 1h
keep: {last: 1}
max_destroy: 100%
"""
BIG_BYTES = 12_000_000
SLOW = "rate 4mbit"
RUNNING = 'zfspull_job_running{job="home"}'
RESUMES = 'zfspull_resumes_total{job="home"}'
LOADED_AT = "zfspull_config_last_reload_success_timestamp_seconds"
MOST_EXPOSURE = 15  # tenths, as systemd-analyze counts
POWERLESS = {
    "CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
    "CapBnd": "0000000000000000", "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
}  # fmt: skip


def main_pid(site: Site) -> str:
    """The process that is the daemon."""
    return site.backup.run("systemctl show -p MainPID --value zfspull").stdout.strip()


def destroyed(site: Site) -> float:
    """How many snapshots retention has destroyed so far, in all."""
    samples = site.metrics().items()
    return sum(value for name, value in samples if name.startswith("zfspull_snapshots_destroyed_total{"))


def assert_powerless(site: Site) -> set[str]:
    """Every process of the unit has its own user and no capabilities; returns their names."""
    own = site.backup.run(["id", "-u", USER]).stdout.strip()
    control_group = site.backup.run("systemctl show -p ControlGroup --value zfspull").stdout.strip()
    statuses = site.backup.run(  # of one that has just ended there is none
        f"for pid in $(cat /sys/fs/cgroup{control_group}/cgroup.procs); do cat /proc/$pid/status && echo; done; :"
    ).stdout.split("\n\n")
    names = set()
    for text in filter(str.strip, statuses):
        status = {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
        assert status["Uid"].split() == [own] * 4, status
        assert {key: status[key] for key in POWERLESS} == POWERLESS, status
        names.add(status["Name"])
    return names


def test_the_whole_job_in_the_sandbox(site: Site) -> None:
    """Scheduled raw pulls, pruning, a reload, a stop and a resumed transfer, with the exposure that the unit promises."""
    site.source.run("zfs snapshot -r tank/home@second")
    site.configure(MAIN, {"home": JOB})
    site.start()  # a schedule that has never been followed is followed at once
    process = main_pid(site)
    said = site.backup.run(f"systemd-analyze security --no-pager --threshold={MOST_EXPOSURE} zfspull", check=False)
    assert said.status == 0, said.stdout
    wait_until("something is pruned", lambda: destroyed(site) >= 5, timeout_seconds=400)
    wait_until("the run has ended", lambda: site.metrics()[RUNNING] == 0, timeout_seconds=300)
    loaded_at = site.metrics()[LOADED_AT]
    site.configure(MAIN, {"home": BY_HAND})
    site.backup.run("systemctl reload zfspull")
    wait_until("it is reloaded", lambda: site.metrics()[LOADED_AT] > loaded_at, timeout_seconds=300)
    assert main_pid(site) == process

    site.source.run(f"head -c {BIG_BYTES} /dev/urandom >/tank/home/big/file && zfs snapshot -r tank/home@big")
    site.source.shape_link(SLOW)
    before = received_bytes(site)
    site.backup.run("zfspull pull home >/root/pull.log 2>&1 & :")
    wait_until("some of it arrived", lambda: received_bytes(site) - before > BIG_BYTES / 3, timeout_seconds=300)
    assert {"zfs"} < assert_powerless(site)
    arrived = received_bytes(site) - before
    site.stop()
    site.source.shape_link(None)
    site.start()
    assert site.backup.run("zfspull pull home", timeout_seconds=300).status == 0
    assert site.metrics()[RESUMES] == 1
    assert received_bytes(site) < BIG_BYTES - arrived + ON_ITS_WAY_BYTES
    assert_replica_is_true(site)
    assert not site.bugs()


def test_what_the_daemon_cannot_reach(site: Site) -> None:
    """Of devices it sees /dev/zfs, of processes and homes its own; keys, and datasets that were not granted, are root's."""
    site.configure(MAIN, {"home": BY_HAND})
    site.start()
    process = main_pid(site)
    inside = f"nsenter --mount --target {process} setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all"
    devices = site.backup.run(f"{inside} find /dev -maxdepth 1").stdout.split()
    assert "/dev/zfs" in devices
    assert not {"/dev/vda", "/dev/ubda", "/dev/mem", "/dev/kmsg", "/dev/rtc0"} & set(devices)
    assert "/proc/1" not in site.backup.run(f"{inside} find /proc -maxdepth 1").stdout.split()
    for path in ("/etc", "/var/tmp/..", "/usr", "/var/lib"):
        assert site.backup.run(f"{inside} test -w {path}", check=False).status != 0, path
    assert site.backup.run(f"{inside} zfs list -H backup", check=False).status == 0
    site.backup.run("zfs create backup/other && zfs unallow -u zfspull backup && zfs snapshot backup/other@mine")
    for command in ("destroy backup/other@mine", "destroy -r backup/other", "set readonly=on backup/other"):
        assert site.backup.run(f"{inside} zfs {command}", check=False).status != 0, command
    assert site.backup.run("zfs get -H -o value readonly backup/other && zfs list backup/other@mine").stdout.startswith(
        "off"
    )
    for path in (KEY, "/root/.ssh/authorized_keys", "/proc/meminfo"):
        assert site.backup.run(f"{inside} cat {path}", check=False).status != 0, path
