"""Where faults happen: a daemon on its schedule, a changing tree, a witness, and the one place where all must end."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.witness import Ledger, Witness, wait_for
from tests.lab.site import HTTP_PORT, Site


log = logging.getLogger("zfspull.faults")

SOURCE_POOL, TARGET_POOL = "sea", "vault"
SOURCE, TARGET = f"{SOURCE_POOL}/data", f"{TARGET_POOL}/gw/data"
JOB_NAME = "data"
MAIN = """\
hosts:
  gw:
    address: 10.77.0.1
    keepalive_interval: 2s
    connect_timeout: 8s
    stall_timeout: 20s
limits: {streams: %d}
http: {listen: 127.0.0.1:9797}
"""
JOB = f"""\
source: gw:{SOURCE}
target: {TARGET}
recursive: true
schedule: every 4s
retry: {{attempts: 5, initial: 1s, maximum: 4s}}
"""
# systemd waits ten seconds before it starts a killed daemon again: nothing to learn from waiting.
DROP_IN = "[Service]\nRestartSec=1\n"
MAKE_TREE = f"""\
set -e
echo correct-horse >/root/fault-key
zfs create -o compression=off {SOURCE}
zfs create {SOURCE}/plain
zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/fault-key {SOURCE}/sealed </dev/null
zfs create {SOURCE}/sealed/own
zfs snapshot -r {SOURCE}@s0
"""
SLOW = "rate 8mbit"
TRICKLE = "rate 1mbit"  # a payload takes 24 s: time enough to change something on a busy host meanwhile
PAYLOAD_BYTES = 3_000_000
CONVERGE_SECONDS = 240.0
PATIENCE_SECONDS = 30.0  # with a witness that has not seen all: after that the pools are asked


@dataclass(frozen=True)
class Figures:
    """What it took to recover: seconds from the end of the fault, bytes received since the load, bytes of the load."""

    seconds: float
    received_bytes: float
    loaded_bytes: int

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s, {self.received_bytes / 1e6:.1f} MB received for {self.loaded_bytes / 1e6:.1f} MB"


class Arena:
    """The two machines with the tree, the job and the witness.

    Args:
        site: zfspull on the backup box; installed already.
        job: what the job says beyond the usual.
        keeps: how many snapshots of each dataset retention has to keep; None if nothing may be destroyed at all.

    Attributes:
        sound: whether the last that was seen of it was both sides equal, so that the next fault may come.
    """

    def __init__(self, site: Site, *, job: str = "", keeps: int | None = None) -> None:
        self.site = site
        self._job = JOB + job
        self._keeps = keeps
        self.source = site.source
        self.backup = site.backup
        self._pools = (self.source, SOURCE_POOL), (self.backup, TARGET_POOL)
        self.ledger = Ledger()
        self.witness = Witness(
            self.backup, self.backup.forward(HTTP_PORT), job=JOB_NAME, root=TARGET, ledger=self.ledger,
            thinned=keeps is not None,
        )  # fmt: skip
        self.sound = False
        self._number = 0
        self._loaded_bytes = 0
        self._received_before = 0.0
        self._mark: str | None = None
        self._looked_at: object = None

    def build(self) -> None:
        """Make the pools and the tree, on disks that survive a power cut."""
        for machine, pool in self._pools:
            machine.run(f"udevadm settle; zpool create -f {pool} {machine.disks[1]}")
        self.site.grant(TARGET_POOL)
        self.source.write("/root/make-fault-tree", MAKE_TREE)
        self.change("sh /root/make-fault-tree; sync")
        self.backup.write("/etc/systemd/system/zfspull.service.d/lab.conf", DROP_IN)
        self.backup.run("systemctl daemon-reload")

    def remove(self) -> None:
        """Take the pools away."""
        self.site.stop()
        self.witness.stop()
        for machine, pool in self._pools:  # what a test left behind that failed may keep it busy for a while
            machine.run(
                f"for attempt in $(seq 30); do zpool list {pool} && ! zpool destroy -f {pool} || break; sleep 1; done"
            )
        self.backup.run("rm -rf /var/lib/zfspull/* /etc/systemd/system/zfspull.service.d; systemctl daemon-reload")

    def run(self, *, streams: int = 2) -> None:
        """Have the daemon at work on its schedule with this many streams at once."""
        self.site.configure(MAIN % streams, {JOB_NAME: self._job})
        self.site.start()
        self.witness.start()

    def reload(self, *, streams: int = 2, **others: str) -> None:
        """Give the running daemon another limit of streams, and other jobs beside the one."""
        self.site.configure(MAIN % streams, {JOB_NAME: self._job, **others})
        self.backup.run("systemctl reload zfspull")

    def await_run(self) -> None:
        """Wait for a successful run that begins from now on: it has the configuration that was loaded last."""
        now = time.time()
        wait_for(
            "a run that began since", lambda: self._last_success_began_at() > now, timeout_seconds=CONVERGE_SECONDS
        )

    def _last_success_began_at(self) -> float:
        end, seconds = (f"zfspull_job_last_{what}_seconds" for what in ("success_timestamp", "duration"))
        return self.witness.value(end) - self.witness.value(seconds)

    def change(self, script: str, *, check: bool = True) -> str:
        """Run a script that changes the source, and take note of what it has now; returns what it printed."""
        before = time.time()
        done = self.source.run(script, check=check)
        self.note(before=before)
        return done.stdout + done.stderr

    def note(self, *, before: float) -> None:
        """Take note of what the source has after a change that began at `before`."""
        after = time.time()
        self.ledger.note(self.source_snapshots(), before=before, after=after)

    def source_snapshots(self) -> list[tuple[str, str, str]]:
        """All snapshots of the source's tree as (path, name, guid)."""
        text = self.source.run(f"zfs list -Hp -t snapshot -o name,guid -r {SOURCE}").stdout
        rows = (line.split("\t") for line in text.splitlines())
        return [(full.partition("@")[0][len(SOURCE) :], full.partition("@")[2], guid) for full, guid in rows]

    def load(self, size_bytes: int = PAYLOAD_BYTES, *, paths: tuple[str, ...] = ("plain", "sealed/own")) -> str:
        """Write so many bytes into each of the datasets and take a snapshot of the tree; returns its name."""
        self._number += 1
        name = f"s{self._number}"
        self.begin(size_bytes * len(paths))
        writes = "".join(
            f"head -c {size_bytes} /dev/urandom >/{SOURCE}/{path}/file{self._number % 3}\n" for path in paths
        )
        self.change(f"set -e\n{writes}zfs snapshot -r {SOURCE}@{name}")
        return name

    def load_more(self, size_bytes: int = 2_000_000) -> None:
        """Write so much more into one dataset, and take a snapshot of it."""
        self._number += 1
        self._loaded_bytes += size_bytes
        path = f"{SOURCE}/plain"
        self.change(f"head -c {size_bytes} /dev/urandom >/{path}/more && zfs snapshot {path}@more{self._number}")

    def begin(self, loaded_bytes: int) -> None:
        """Count from here: so many bytes are about to be written on the source."""
        self._loaded_bytes = loaded_bytes
        self._received_before = self.witness.received_bytes
        self.sound = False
        self._mark = self.site.mark()

    def flow(self, size_bytes: int = PAYLOAD_BYTES, *, until_bytes: int = 1_200_000) -> str:
        """Load over a slow link, and return as soon as so much of it has arrived."""
        self.source.shape_link(SLOW)
        name = self.load(size_bytes)
        self.wait_received(until_bytes)
        return name

    def wait_received(self, size_bytes: int, *, timeout_seconds: float = 180.0) -> None:
        """Wait until so many bytes have arrived since the load."""
        wait_for(
            f"{size_bytes} bytes arrive", lambda: self.witness.received_bytes - self._received_before >= size_bytes,
            timeout_seconds=timeout_seconds, poll_seconds=0.1,
        )  # fmt: skip

    @property
    def received_bytes(self) -> float:
        """Since the load."""
        return self.witness.received_bytes - self._received_before

    @contextlib.contextmanager
    def clocks_apart(self) -> Iterator[None]:
        """While the machines' clocks disagree, times of runs are not compared with times of snapshots."""
        self.witness.clocks_agree = False
        try:
            yield
        finally:
            for machine in (self.source, self.backup):
                machine.set_clock()
            self.witness.clocks_agree = True

    def missing(self) -> list[str]:
        """The source's snapshots that the target does not have under the same dataset, name and guid."""
        target = self.witness.listing()
        if target is None:
            return ["the target does not answer"]
        there = {(dataset[len(TARGET) :], name, guid) for guid, (dataset, name, _) in target.items()}
        given_up = self.witness.seen.keys() - target.keys() if self._keeps else set()
        return [
            f"{path}@{name} {guid}"
            for path, name, guid in self.source_snapshots()
            if (path, name, guid) not in there and guid not in given_up
        ]

    def converge(self, what: str = "", *, timeout_seconds: float = CONVERGE_SECONDS) -> Figures:
        """Wait, without lifting a hand, until all that the source has is on the target and the daemon says so; see `check`."""
        self.source.shape_link(None)
        begun = time.time()
        self._looked_at = None
        try:
            wait_for("all guids are equal", lambda: self._has_all(begun), timeout_seconds=timeout_seconds)
        except AssertionError:
            missing = self.missing()
            assert not missing, f"not converged after {timeout_seconds:.0f} s: {missing}"
        seconds = time.time() - begun
        wait_for("the daemon says so", lambda: self._said_so(begun), timeout_seconds=timeout_seconds)
        self.check()
        self.sound = True
        figures = Figures(seconds, self.received_bytes, self._loaded_bytes)
        if what:
            log.info("%s: %s", what, figures)
        return figures

    def _has_all(self, begun: float) -> bool:
        """Whether nothing is missing; looked at when it may be so and the metrics say something new, since that takes long."""
        unseen = any(entry.guid not in self.witness.seen for entry in self.ledger.now())
        if unseen and time.time() < begun + PATIENCE_SECONDS:
            return False
        claims = self.witness.claims
        if claims == self._looked_at:
            return False
        self._looked_at = claims
        return not self.missing()

    def _said_so(self, begun: float) -> bool:
        """Whether a run that began after it was so has ended well, and every dataset of the source is called up to date."""
        end = self.witness.value("zfspull_job_last_success_timestamp_seconds")
        paths = {entry.path for entry in self.ledger.now()}
        said = {
            labels["dataset"][len(TARGET) :]
            for name, labels, value in self.witness.samples
            if name == "zfspull_dataset_up_to_date" and value == 1.0
        }
        return end >= begun - 2.0 and paths <= said

    def check(self) -> None:
        """Nothing was claimed that was not so, nothing that was ever here is gone, and no key is."""
        assert not self.witness.violations, self.witness.violations
        target = self.witness.listing() or {}
        have = Counter(dataset for dataset, _, _ in target.values())
        lost = {
            guid: (dataset, name)
            for guid, (dataset, name) in self.witness.seen.items()
            if guid not in target and not (self._keeps and have[dataset] >= self._keeps)
        }
        assert not lost, f"gone from the target, though they may not be destroyed: {lost}"
        keys = self.backup.run(f"zfs get -Hp -o value -r -t filesystem keystatus {TARGET}").stdout.split()
        assert set(keys) <= {"unavailable", "-", "none"}, keys
        assert not self.site.bugs(self._mark)
        self._check_history(set(target))

    def _check_history(self, here: set[str]) -> None:
        """No run in the history is called a success that left out what was there from its start to its end."""
        rows = self._history("SELECT started_at, finished_at FROM runs WHERE outcome = 'success'").splitlines()
        for start, end in (line.split() for line in rows):
            lacking = self.witness.lacking(float(start), float(end), here)
            assert not lacking, f"the history calls {start} a success without {lacking}"

    def history_outcomes(self) -> Counter[str]:
        """How many runs the history has of each outcome."""
        text = self._history("SELECT outcome, count(*) FROM runs GROUP BY outcome")
        return Counter({outcome: int(count) for outcome, count in (line.split() for line in text.splitlines())})

    def _history(self, query: str) -> str:
        return self.backup.run(["python3", "-c", _QUERY, query]).stdout

    def daemon_pid(self) -> str:
        """The process that is the daemon."""
        return self.backup.run("systemctl show -p MainPID --value zfspull").stdout.strip()

    def recent_log(self) -> str:
        """What the daemon has logged since the last load."""
        return self.site.journal(self._mark)

    def mend(self) -> None:
        """After a test that failed half-way: everything on, connected, on time, and with room."""
        for machine in (self.source, self.backup):
            machine.mend()
        self.source.shape_link(None)
        self.backup.shape_link(None)


_QUERY = """\
import sqlite3, sys
for row in sqlite3.connect("file:/var/lib/zfspull/history.sqlite?mode=ro", uri=True).execute(sys.argv[1]):
    print(*row)
"""
