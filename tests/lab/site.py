"""A backup site in the lab: keys, configuration and the daemon, as the README sets them up on real machines."""

from __future__ import annotations

import json
import logging
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.lab.machine import Machine
from tests.lab.software import install_zfspull
from zfspull.plan.grants import target_permissions


log = logging.getLogger("zfspull.lab")

CONFIG = "/etc/zfspull"
KEY = f"{CONFIG}/keys/id_ed25519"
USER = "zfspull"
HTTP_PORT = 9797
START_SECONDS = 240.0  # Python takes its time under emulation
POLL_SECONDS = 0.5
_SHOWN = 20_000
"""How many characters of the journal are shown of a test that failed."""
_BUG = re.compile(r"Traceback|bug in zfspull|never (retrieved|awaited)|destroyed but it is pending")
_BEFORE = 500


class Site:
    """zfspull on `backup`, allowed to log in to `source`.

    Args:
        source: the machine that is pulled from.
        backup: the backup box.
    """

    def __init__(self, source: Machine, backup: Machine) -> None:
        self.source = source
        self.backup = backup
        self._page: str | None = None

    def install(self) -> None:
        """Install zfspull and its unit, make its user and its key, and let it in at the source; safe to call again."""
        install_zfspull(self.backup, unit=True)
        self.backup.run(_PREPARE)
        self.log_in()

    def log_in(self) -> None:
        """Make the key if there is none, let it in at the source, and trust the source's host key."""
        self.backup.run(f"test -f {KEY} || ssh-keygen -q -t ed25519 -N '' -C zfspull -f {KEY}")
        key = self.backup.run(["cat", f"{KEY}.pub"]).stdout.strip()
        self.source.run(f"grep -qF '{key}' /root/.ssh/authorized_keys || echo '{key}' >>/root/.ssh/authorized_keys")
        host_key = self.source.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.split()[:2]
        self.backup.write(f"{CONFIG}/known_hosts", f"10.77.0.1 {' '.join(host_key)}\n")

    def configure(self, main: str, jobs: dict[str, str]) -> None:
        """Write zfspull.yaml and the given job files, and remove all others."""
        self.backup.run(f"rm -f {CONFIG}/jobs.d/*")
        self.backup.write(f"{CONFIG}/zfspull.yaml", main)
        for name, text in jobs.items():
            self.backup.write(f"{CONFIG}/jobs.d/{name}.yaml", text)

    def grant(self, parent: str) -> None:
        """Let the daemon's user do below this dataset of the backup box what `zfspull setup` would let it do."""
        self.backup.run(["zfs", "allow", "-u", USER, ",".join(target_permissions()), parent])

    def start(self) -> None:
        """Start the daemon; returns when systemd has seen READY."""
        self.backup.run("systemctl reset-failed zfspull; systemctl start zfspull", timeout_seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop the daemon; returns when it has ended."""
        self.backup.run("systemctl stop zfspull", timeout_seconds=START_SECONDS)

    def status(self) -> dict[str, Any]:
        """What `zfspull status --json` says."""
        found: dict[str, Any] = json.loads(self.backup.run("zfspull status --json", timeout_seconds=180).stdout)
        return found

    def turn_page(self) -> None:
        """Begin a new page of the journal: what was logged up to now is another test's."""
        self._page = self.mark()

    def mark(self) -> str:
        """The end of the journal as it is now, for `journal` to begin there."""
        last = self.backup.run("journalctl --quiet --lines=0 --show-cursor").stdout
        return last.strip().removeprefix("-- cursor: ")

    def journal(self, mark: str | None = None) -> str:
        """What the daemon has logged since `mark`; or since the page was turned, or ever, if it never was."""
        since = mark or self._page
        after = f"--after-cursor='{since}'" if since else ""
        return self.backup.run(f"journalctl -u zfspull -o cat --no-pager {after}").stdout

    def bugs(self, mark: str | None = None) -> str:
        """What of the journal, see there, shows a bug: from shortly before a traceback, a complaint of asyncio, or a line that calls itself one."""
        text = self.journal(mark)
        sign = _BUG.search(text)
        return text[max(0, sign.start() - _BEFORE) :][:_SHOWN] if sign else ""

    def log_page(self) -> None:
        """Log the end of the page, for pytest to show it with a test that failed."""
        log.warning("the journal of zfspull:\n%s", self.journal()[-_SHOWN:])

    def metrics(self) -> dict[str, float]:
        """All samples of /metrics, by name and labels as Prometheus writes them; asked from here, which costs little."""
        url = f"http://127.0.0.1:{self.backup.forward(HTTP_PORT)}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            text = answer.read().decode()
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def snapshots(self, machine: Machine, dataset: str) -> list[tuple[str, str]]:
        """Name and guid of each snapshot of a dataset, oldest first."""
        listing = machine.run(["zfs", "list", "-Hp", "-d", "1", "-t", "snapshot", "-o", "name,guid", dataset]).stdout
        return [(name.partition("@")[2], guid) for name, guid in (line.split("\t") for line in listing.splitlines())]


_PREPARE = f"""\
set -e
getent passwd {USER} >/dev/null || useradd --system --home-dir /var/lib/zfspull --shell /usr/sbin/nologin {USER}
install -d -m 750 -g {USER} {CONFIG} {CONFIG}/jobs.d
install -d -m 750 {CONFIG}/keys
rm -rf {CONFIG}/jobs.d/* {CONFIG}/known_hosts /var/lib/zfspull/*
"""


def wait_until(what: str, look: Callable[[], object], *, timeout_seconds: float = 300.0) -> None:
    """Wait until `look` returns something true.

    Raises:
        AssertionError: if that takes too long; tells what was waited for.
    """
    end = time.monotonic() + timeout_seconds
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_seconds:.0f} s in vain: {what}")
        time.sleep(POLL_SECONDS)
