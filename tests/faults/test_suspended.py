"""A target pool whose disk fails altogether, in the middle of a transfer."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from tests.faults.arena import SLOW, SOURCE, Arena
from tests.faults.witness import wait_for


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation
log = logging.getLogger("zfspull.faults")

POOL = "raft"
JOB = f"""\
source: gw:{SOURCE}/plain
target: {POOL}/plain
schedule: every 4s
retry: {{attempts: 3, initial: 1s, maximum: 4s}}
"""
# A disk of the kernel's own that fails every command when told to.
DISK = "/sys/bus/pseudo/drivers/scsi_debug"
MAKE = f"""\
set -e
modprobe scsi_debug dev_size_mb=160
udevadm settle
zpool create -f {POOL} /dev/$(ls {DISK}/adapter0/host*/target*/*/block/)
"""
BREAK = f"echo 0x10 >{DISK}/opts; echo 1 >{DISK}/every_nth"
REPAIR = f"echo 0 >{DISK}/every_nth; echo 0 >{DISK}/opts"
UNMAKE = f"zpool destroy -f {POOL}; udevadm settle; modprobe -r scsi_debug"


@pytest.fixture
def raft(arena: Arena) -> Iterator[Arena]:
    """A second job, to a pool on a disk that can be made to fail."""
    arena.backup.run(MAKE)
    arena.site.grant(POOL)
    arena.reload(raft=JOB)
    yield arena
    arena.backup.run(REPAIR)
    arena.backup.run(f"timeout 20 zpool clear {POOL}", check=False)
    arena.reload()
    arena.backup.run(f"for try in $(seq 20); do ({UNMAKE}) && break; sleep 1; done", check=False)


def test_target_pool_suspended(raft: Arena) -> None:
    """A suspended pool stops its own job only, which goes on after `zpool clear` without a restart of the daemon."""
    arena = raft
    begun = time.time()
    wait_for("the first pull", lambda: _succeeded_at(arena) > begun, timeout_seconds=240)
    assert not _missing(arena)
    process = arena.daemon_pid()
    arena.source.shape_link(SLOW)
    arena.load(4_000_000, paths=("plain",))
    wait_for(
        "its transfer", lambda: "transfer.started job=raft" in arena.recent_log(), timeout_seconds=30, poll_seconds=1
    )
    arena.backup.run(BREAK)
    broken_at = time.time()
    state = f"cat /proc/spl/kstat/zfs/{POOL}/state"
    wait_for("it is suspended", lambda: "SUSPENDED" in arena.backup.run(state).stdout, timeout_seconds=180)
    arena.converge("while another pool is suspended")  # the other job, which has nothing to do with it
    job = arena.site.status()["jobs"]["raft"]
    assert job["last_success_at"] < broken_at + 2, job
    arena.backup.run(REPAIR)
    arena.backup.run(f"timeout 30 zpool clear {POOL}")
    mended_at = time.time()
    seconds = wait_for("it is pulled to again", lambda: _succeeded_at(arena) > mended_at, timeout_seconds=120)
    assert not _missing(arena)
    log.info("target pool suspended, then cleared: %.0f s", seconds)
    assert arena.daemon_pid() == process


def _succeeded_at(arena: Arena) -> float:
    """When the job last did, as the metrics have it: the machine has no processor to spare for being asked in vain."""
    return arena.site.metrics().get('zfspull_job_last_success_timestamp_seconds{job="raft"}', 0.0)


def _missing(arena: Arena) -> set[tuple[str, str]]:
    there = arena.backup.run(
        f"zfs list -Hp -d 1 -t snapshot -o name,guid {POOL}/plain", check=False, timeout_seconds=30
    )
    found = {tuple(line.partition("@")[2].split("\t")) for line in there.stdout.splitlines()}
    return {pair for pair in arena.site.snapshots(arena.source, f"{SOURCE}/plain") if pair not in found}
