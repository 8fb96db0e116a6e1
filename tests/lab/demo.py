# ruff: noqa: T201 - a guided tour prints
"""The main job shown for real: `scripts/demo`. Two machines, an encrypted tree, the daemon, and what was verified."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.lab.host import LabError
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.site import HTTP_PORT, KEY, Site, wait_until


PHRASE = "the-quick-brown-fox-is-nobody-elses-business"
DATASETS = ("home", "home/ann", "home/ben", "home/disk")
BIG_BYTES = 32_000_000
MAIN = """\
hosts:
  gw:
    address: 10.77.0.1        # an unknown host key is refused: see known_hosts
    keepalive_interval: 2s
"""
JOB = """\
source: gw:tank/home
target: backup/gw/home
recursive: true
schedule: "@hourly"
snapshots: {take: true}
keep: {last: 3}
retry: {attempts: 10, initial: 1s, maximum: 4s}
"""
TREE = f"""\
set -e
zpool create tank /dev/disk/by-id/virtio-disk0
echo correct-horse-battery >/root/passphrase
zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/passphrase tank/home </dev/null
zfs create -o compression=off tank/home/ann
zfs create tank/home/ben
zfs create -s -V 64M tank/home/disk
for i in $(seq 2000); do echo {PHRASE} $i; done >/tank/home/ann/diary
head -c {BIG_BYTES} /dev/urandom >/tank/home/ben/photos
"""


def main() -> int:
    """Run the tour; 0 if everything that it claims was seen to be true."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the machines up afterwards, until Ctrl-C")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="   (%(message)s)", stream=sys.stderr)
    started = time.monotonic()
    try:
        with Lab() as lab:
            tour = Tour(lab)
            tour.run()
            tell(f"All of this took {time.monotonic() - started:.0f} seconds, and all of it was verified.")
            if options.keep:
                tour.linger()
    except (LabError, AssertionError) as error:
        print(f"\nscripts/demo: this went wrong: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class Tour:
    """The steps of the demonstration, in order."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._source = lab.machine("source")
        self._backup = lab.machine("backup")
        self._site = Site(self._source, self._backup)

    def run(self) -> None:
        """All steps."""
        self.set_up()
        self.first_pull()
        self.increment()
        self.cut_off()
        self.retention()
        self.metrics()
        self.verify()
        self.restore()

    def set_up(self) -> None:
        tell(
            "Two virtual machines with real OpenZFS: 'source' has the data, 'backup' pulls it. They share a private "
            "link, 10.77.0.0/24. The first time ever, the image is built: about seven minutes."
        )
        self._lab.boot()
        self._source.write("/root/make-tree", TREE)
        self._source.run("sh /root/make-tree")
        show(self._source, "zfs version | head -1; zfs list -o name,type,used,encryption,keystatus")
        tell("On 'backup': an empty pool, zfspull as a systemd service, and one YAML file for the job.")
        self._backup.run("zpool create backup /dev/disk/by-id/virtio-disk0")
        self._site.install()
        self._site.grant("backup")
        self._site.configure(MAIN, {})
        self._site.start()
        self._site.configure(MAIN, {"home": JOB})
        show(self._backup, "cat /etc/zfspull/zfspull.yaml; echo; cat /etc/zfspull/jobs.d/home.yaml")
        show(self._backup, "zfspull check-config && systemctl reload zfspull && systemctl show -p StatusText zfspull")
        wait_until("the job is loaded", lambda: "home" in self._site.status()["jobs"])

    def first_pull(self) -> None:
        tell("The first pull. The daemon takes a snapshot of the tree on the source and pulls everything, raw.")
        self._source.shape_link("rate 80mbit")
        show(self._backup, "zfspull pull home")

    def increment(self) -> None:
        tell("Something is written on the source; the next pull moves only that.")
        self._source.run("echo one more line >>/tank/home/ann/diary")
        show(self._backup, "zfspull pull home")
        assert self._last_run()["received_bytes"] < BIG_BYTES / 100

    def cut_off(self) -> None:
        tell("Much is written, the link is slow, and in the middle of the pull the cable is cut: packets just vanish.")
        self._source.run(f"head -c {BIG_BYTES} /dev/urandom >/tank/home/ben/film")
        self._source.shape_link("rate 16mbit")
        before = self._received()
        self._site.turn_page()
        self._backup.run("zfspull pull home >/root/pull.log 2>&1 & :")
        wait_until("half of it arrived", lambda: self._received() - before > BIG_BYTES / 2)
        self._source.cut_link()
        wait_until("the cut is noticed", lambda: "transfer.failed" in self._site.journal(), timeout_seconds=60)
        tell("zfspull has noticed: no answer to its keepalives. What arrived is kept. The cable is mended.")
        self._source.restore_link()
        self._source.shape_link(None)
        wait_until("the run ends", lambda: self._state() == "success", timeout_seconds=240)
        show(self._backup, "cat /root/pull.log")
        run = self._last_run()
        assert run["resumed"] >= 1, "the transfer was not resumed"
        assert run["received_bytes"] < 1.4 * BIG_BYTES, "much was sent twice"
        tell(
            f"{run['received_bytes'] / 1e6:.1f} MB were received for {BIG_BYTES / 1e6:.1f} MB of data, in two parts: "
            f"{run['resumed']} transfer resumed, {run['retries']} retries, and nobody had to do anything."
        )

    def retention(self) -> None:
        tell("Retention: the job keeps three snapshots of each dataset here. A dry run says what would go, and why.")
        self._source.run("echo and another >>/tank/home/ann/diary")
        show(self._backup, "zfspull pull home >/dev/null; zfspull prune home --dry-run")
        show(self._backup, "zfs list -t snapshot -o name,creation -r backup/gw/home/ann")
        assert len(self._site.snapshots(self._backup, "backup/gw/home/ann")) == 3

    def metrics(self) -> None:
        tell("What Prometheus sees, and what an operator sees.")
        names = "job_last_success|received_bytes|newest_snapshot|job_runs_total|resumes|config_last"
        fetch = f"python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:{HTTP_PORT}/metrics\").read().decode())'"
        show(
            self._backup,
            f"{fetch} | grep -E '^zfspull_[a-z_]*({names})'",
            shown=f"curl -s localhost:{HTTP_PORT}/metrics",
        )
        show(self._backup, "zfspull status")

    def verify(self) -> None:
        tell("Is it true? The guids on both sides, the keys, and the bytes on the backup box's disk.")
        for dataset in DATASETS:
            source = self._site.snapshots(self._source, f"tank/{dataset}")
            target = self._site.snapshots(self._backup, f"backup/gw/{dataset}")
            assert target, f"backup/gw/{dataset} has no snapshot"
            assert set(target) <= set(source), f"backup/gw/{dataset} has a snapshot that the source does not have"
            assert target[-1] == source[-1], f"backup/gw/{dataset} is not up to date"
            fact(f"backup/gw/{dataset}: newest snapshot {target[-1][0]}, guid {target[-1][1]}, equal on both sides")
        keys = self._backup.run("zfs get -Hp -o value -t filesystem,volume -r keystatus backup/gw/home").stdout.split()
        assert set(keys) == {"unavailable"}, "a key is loaded on the backup box"
        fact("no key is loaded on the backup box")
        assert not self._on_disk(PHRASE), "plaintext was found on the backup box"
        fact("a phrase that ann's diary has 2000 times is nowhere on the backup box's disk")
        self._backup.run(
            f"zfs create -o compression=off backup/control && echo {PHRASE} >/backup/control/f && zpool sync backup"
        )
        assert self._on_disk(PHRASE), "the search for plaintext does not work"
        self._backup.run("zfs destroy backup/control")
        fact("(the same search does find it when it is written there in plain)")

    def restore(self) -> None:
        tell("And the day of the restore: the replica is sent back raw under a new name, where the key is.")
        self._backup.run("cp /etc/zfspull/known_hosts /root/.ssh/known_hosts")
        self._backup.run(
            "name=$(zfs list -H -d 1 -t snapshot -o name -s createtxg backup/gw/home/ann | tail -1)\n"
            f"zfs send -w $name | ssh -i {KEY} root@10.77.0.1 zfs recv -u tank/restored",
            timeout_seconds=120,
        )
        self._source.run("zfs load-key -L file:///root/passphrase tank/restored </dev/null && zfs mount tank/restored")
        sums = self._source.run("sha256sum /tank/home/ann/diary /tank/restored/diary").stdout.split()
        assert sums[0] == sums[2], "the restored file differs"
        fact(f"the restored diary has the checksum of the original: {sums[0][:16]}...")

    def linger(self) -> None:
        """Leave the machines up until Ctrl-C."""
        port = self._backup.forward(HTTP_PORT)
        tell(
            f"The machines stay up until Ctrl-C. Metrics: http://127.0.0.1:{port}/metrics. A root shell: "
            f"`ssh -F {self._backup.ssh_config} backup`, then try `zfspull status --watch`."
        )
        while True:
            time.sleep(3600)

    def _last_run(self) -> dict[str, float]:
        found: dict[str, float] = self._site.status()["jobs"]["home"]["last_run"]
        return found

    def _state(self) -> str:
        return str(self._site.status()["jobs"]["home"]["state"])

    def _received(self) -> float:
        return self._site.metrics().get('zfspull_received_bytes_total{job="home"}', 0.0)

    def _on_disk(self, phrase: str) -> bool:
        """Whether the disk that the backup pool lies on has the phrase anywhere, read from outside the machine."""
        self._backup.run("zpool sync backup")
        return contains(self._backup.disk_files[0], phrase.encode())


def contains(path: Path, wanted: bytes) -> bool:
    """Whether a sparse file has `wanted` anywhere; holes are skipped."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        position = 0
        while position < end:
            try:
                start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # nothing but holes from here
                return False
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            file.seek(start)
            if wanted in file.read(position - start):
                return True
    return False


def tell(text: str) -> None:
    """Narrate."""
    print(f"\n{textwrap.fill(text, 100)}\n", flush=True)


def fact(text: str) -> None:
    """State what was just verified."""
    print(f"   verified: {text}", flush=True)


def show(machine: Machine, command: str, *, shown: str | None = None) -> None:
    """Run a command before the audience: on its terminal where there is one."""
    print(f"   {machine.name}# {shown or command}", flush=True)
    terminal = ["-t"] if sys.stdout.isatty() else []
    ssh, *rest = machine.ssh_command
    done = subprocess.run([ssh, *terminal, *rest, command], stdin=subprocess.DEVNULL, check=False, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"`{command}` on {machine.name} ended with status {done.returncode}")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
