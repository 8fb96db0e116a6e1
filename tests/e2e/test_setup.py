"""`zfspull setup` and `zfspull doctor` on two machines: unprivileged at both ends, through the gate."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.deps import REPOSITORY
from tests.lab.fixtures import MakePool, TwoMachines
from tests.lab.machine import Machine
from tests.lab.software import install_zfspull


SOURCE = "tank/with space"
TARGET = "backup/gw/with space"
JOB = "gw-with_space"
ON_THE_SOURCE = "  (on the source)"
UNIT = "/etc/systemd/system/zfspull.service"
MAKE_SOURCE = """\
set -e
echo correct-horse >/root/key
zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/key 'tank/with space' </dev/null
zfs create 'tank/with space/a b'
zfs create -V 8M -s 'tank/with space/vol'
head -c 300000 /dev/urandom >'/tank/with space/a b/file'
id -u zfspull >/dev/null 2>&1 && userdel zfspull
rm -rf /var/lib/zfspull-source /usr/local/bin/zfspull-gate
"""
MAKE_BACKUP = f"""\
set -e
systemctl stop zfspull 2>/dev/null || :
[ ! -e {UNIT} ] || {{ mv {UNIT} /root/zfspull.unit; systemctl daemon-reload; }}
[ ! -e /etc/zfspull ] || mv /etc/zfspull /root/etc-zfspull
rm -rf /var/lib/zfspull
id -u zfspull >/dev/null 2>&1 || useradd --system --home-dir /var/lib/zfspull --shell /usr/sbin/nologin zfspull
install -d -m 750 -o zfspull -g zfspull /var/lib/zfspull
[ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
"""
RESTORE_BACKUP = f"""\
rm -rf /etc/zfspull /var/lib/zfspull
[ ! -e /root/etc-zfspull ] || mv /root/etc-zfspull /etc/zfspull
[ ! -e /root/zfspull.unit ] || {{ mv /root/zfspull.unit {UNIT}; systemctl daemon-reload; }}
"""


@dataclass
class Pair:
    """The two machines, as an administrator has them before zfspull comes."""

    source: Machine
    backup: Machine

    def setup(self, *more: str) -> str:
        """Run setup as root with an administrator's login; what it printed."""
        fingerprint = self.source.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
        words = [
            "zfspull", "setup", "gw", "--address", "10.77.0.1", "--source", SOURCE, "--target", TARGET, "--fingerprint",
            fingerprint, "--admin-login", "root@10.77.0.1", "--yes", *more,
        ]  # fmt: skip
        return self.backup.run(words, timeout_seconds=300).stdout

    def doctor(self) -> list[dict[str, Any]]:
        """The findings that are worse than a note."""
        done = self.backup.run(["zfspull", "doctor", JOB, "--json"], check=False, timeout_seconds=300)
        shape = json.loads(done.stdout)
        found = [finding for finding in shape["findings"] if finding["level"] in ("warn", "fail")]
        assert done.status == (1 if found else 0), done
        assert shape["ok"] is not bool(found)
        return found

    def pull(self) -> None:
        """Pull as the user that the daemon runs as."""
        self.backup.run(["runuser", "-u", "zfspull", "--", "zfspull", "pull", JOB], timeout_seconds=300)


@pytest.fixture
def pair(two_machines: TwoMachines, make_pool: MakePool) -> Iterator[Pair]:
    """Fresh pools, nothing of zfspull on the source, its program and its user on the backup box."""
    source, backup = two_machines.source, two_machines.backup
    make_pool(source, name="tank")
    make_pool(backup, name="backup")
    source.write("/root/make-source", MAKE_SOURCE)
    source.run("sh /root/make-source")
    install_zfspull(backup)
    backup.write("/root/make-backup", MAKE_BACKUP)
    backup.run("sh /root/make-backup")
    backup.run("mkdir -p /usr/share/zfspull")
    backup.put(REPOSITORY / "packaging/source/zfspull-gate", "/usr/share/zfspull/zfspull-gate")
    public = backup.run(["cat", "/root/.ssh/id_ed25519.pub"]).stdout.strip()
    source.run(f"grep -qF '{public}' /root/.ssh/authorized_keys || echo '{public}' >>/root/.ssh/authorized_keys")
    yield Pair(source, backup)
    backup.write("/root/restore", RESTORE_BACKUP)
    backup.run("sh /root/restore")
    source.run("userdel zfspull", check=False)


def mended(pair: Pair, finding: dict[str, Any]) -> None:
    """Do what the doctor says."""
    mend = finding["mend"]
    machine = pair.source if mend.endswith(ON_THE_SOURCE) else pair.backup
    machine.run(mend.removesuffix(ON_THE_SOURCE))


def test_from_nothing_to_a_pull(pair: Pair) -> None:
    """One command sets both ends up, the doctor has nothing to mend, an unprivileged pull works; and again changes nothing."""
    out = pair.setup()
    assert "all well" in out, out
    pair.pull()

    snapshots = "zfs list -Hp -r -t snapshot -o guid"
    there = pair.source.run(f"{snapshots} '{SOURCE}'").stdout
    assert there
    assert there == pair.backup.run(f"{snapshots} '{TARGET}'").stdout
    assert pair.doctor() == []

    login = [
        "runuser",
        "-u",
        "zfspull",
        "--",
        "ssh",
        "-i",
        "/etc/zfspull/keys/id_ed25519",
        "-o",
        "UserKnownHostsFile=/etc/zfspull/known_hosts",
    ]
    refused = pair.backup.run([*login, "zfspull@10.77.0.1", "cat /etc/passwd"], check=False)
    assert refused.status == 126, refused
    assert "root:" not in refused.stdout

    files = "find /etc/zfspull -type f -exec sha256sum {} +; zfs allow backup/gw"
    before = pair.backup.run(files).stdout
    keys = "cat /var/lib/zfspull-source/.ssh/authorized_keys; zfs allow 'tank/with space'"
    before_there = pair.source.run(keys).stdout
    pair.setup()
    assert pair.backup.run(files).stdout == before
    assert pair.source.run(keys).stdout == before_there


def test_the_doctor_finds_what_is_broken(pair: Pair) -> None:
    """Each thing that is broken at either end is found, nothing else is, and what the doctor says mends it."""
    pair.setup()
    pair.pull()
    pair.source.run(f"zfs unallow -u zfspull hold {shlex.quote(SOURCE)}")
    target = shlex.quote(TARGET)
    pair.backup.run(
        f"zfs unallow -u zfspull receive backup/gw; zfs set readonly=off {target}\n"
        f"echo correct-horse | zfs load-key -L prompt {target}"
    )
    found = pair.doctor()
    assert [one["check"] for one in found] == ["source permissions", "target permissions", "replicas", "keys"], found
    for finding in found:
        mended(pair, finding)

    pair.backup.run("date -s '-1 hour'")
    try:
        found = pair.doctor()
    finally:
        pair.backup.run("date -s '+1 hour'")
    assert [one["check"] for one in found] == ["clock"], found

    known = "/etc/zfspull/known_hosts"
    pair.backup.run("rm -f /tmp/other*; ssh-keygen -q -t ed25519 -N '' -f /tmp/other")
    pair.backup.run(f'sed -i.true "s#ssh-ed25519 .*#$(cut -d" " -f1,2 /tmp/other.pub)#" {known}')
    found = pair.doctor()
    assert [one["check"] for one in found] == ["login"], found
    assert known in found[0]["text"]
    pair.backup.run(f"mv {known}.true {known}")

    assert pair.doctor() == []
