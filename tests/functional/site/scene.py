"""A backup box and a source that answer what a test tells them to, for the doctor: both well unless it says otherwise."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import time

from tests.functional.hosts.sshhost import prints
from zfspull.clock import SystemClock
from zfspull.config.schema import Config, Host, Job, TargetSettings
from zfspull.hosts.ends import Ends
from zfspull.site.examine import examine
from zfspull.site.looks import Here
from zfspull.zfs.commands import DATASET_COLUMNS, POINT_COLUMNS, TARGET_DATASET_COLUMNS


SOURCE_ALLOW = """\
---- Permissions on tank/home ----
Local+Descendent permissions:
\tuser puller hold,release,send,snapshot
"""
TARGET_ALLOW = """\
---- Permissions on backup/gw ----
Local+Descendent permissions:
\tuser zp canmount,create,destroy,mount,mountpoint,readonly,receive,rename,rollback,userprop
"""
FEATURES = "feature@large_blocks\tactive\nfeature@encryption\tactive\n"
GATE = "zfspull-gate: refused: zfspull runs zfs and date only\n"


def dataset(name, columns, **values):
    """A line of `zfs list` for an encrypted filesystem."""
    row = {
        "name": name, "type": "filesystem", "guid": "7", "encryptionroot": name, "keystatus": "unavailable",
        "receive_resume_token": "-", "written": "0", "mounted": "no", "readonly": "on", "origin": "-", "used": "1000",
        "usedbysnapshots": "0", "available": "5000", **values,
    }  # fmt: skip
    return "\t".join(row[column] for column in columns) + "\n"


def point(name, guid="11", **values):
    """A line of `zfs list -t snapshot`."""
    row = {
        "name": name, "type": "snapshot", "guid": guid, "createtxg": guid, "creation": "1700000000", "ivsetguid": "5",
        "userrefs": "0", "clones": "-", **values,
    }  # fmt: skip
    return "\t".join(row[column] for column in POINT_COLUMNS) + "\n"


class Scene:
    """Answers by command line; `there` for the source, `here` for this machine. The last entry that fits counts.

    Attributes:
        there, here: from what a command line holds to what it prints, or to (stdout, stderr, status).
        settings: of the job.
    """

    def __init__(self, ssh_host, tmp_path):
        self.ssh_host = ssh_host
        self.root = tmp_path
        self.user = "puller"
        self.daemon_user = "zp"
        self.status = None
        self.settings = {}
        self.there = {
            "": ("", "unknown command", 1),
            "true": "",
            "date +%s": lambda: f"{int(time.time())}\n",
            "zfs version": "zfs-2.3.9-1\nzfs-kmod-2.3.9-1\n",
            "zfs allow": SOURCE_ALLOW,
            "zpool get": FEATURES,
            "name,type": dataset("tank/home", DATASET_COLUMNS),
            "snapshot,bookmark": point("tank/home@s1"),
            "name,used": "tank/home\t1000\n",
        }
        self.here = {
            "": ("", "unknown command", 1),
            "version": "zfs-2.3.9-1\nzfs-kmod-2.3.9-1\n",
            "all backup": FEATURES,
            "name,type": dataset("backup/gw/home", TARGET_DATASET_COLUMNS),
            "backup/gw$": dataset("backup/gw", TARGET_DATASET_COLUMNS, encryptionroot="-", keystatus="-"),
            "-t snapshot": point("backup/gw/home@s1"),
            "name,used,available": "backup\t1000\t9000\n",
            "name,canmount": "backup/gw/home\tnoauto\n",
            "allow": TARGET_ALLOW,
        }

    async def doctor(self, **looks):
        """The findings, as a list; `findings(...)` filters them."""
        self.ssh_host.script = self._answer
        self._tools()
        job = Job(
            name="home", source="gw:tank/home", target="backup/gw/home",
            **{"schedule": "@hourly", "cursor": "hold", "snapshots": {"take": True}, "keep": {"last": 3}, **self.settings},
        )  # fmt: skip
        login = self.ssh_host.login(user=self.user)
        host = Host(
            name="gw", address="127.0.0.1", port=self.ssh_host.port, user=self.user, key=str(login.key),
            known_hosts=str(login.known_hosts),
        )  # fmt: skip
        config = Config(
            hosts={"gw": host},
            jobs={"home": job},
            target=TargetSettings(zfs=str(self.root / "bin/zfs")),
            http=None,
        )
        ends = Ends(config, clock=SystemClock())
        state = self.root / "state"
        state.mkdir(exist_ok=True)
        here = Here(
            config=config, ends=ends, clock=SystemClock(), daemon_user=self.daemon_user, state=state,
            status=self.status, **looks,
        )  # fmt: skip
        try:
            return await examine(here, [job])
        finally:
            await ends.aclose()

    async def _answer(self, words, process):
        line = shlex.join(words)
        found = [answer for part, answer in self.there.items() if part in line][-1]
        found = found() if callable(found) else found
        await prints(*((found,) if isinstance(found, str) else found))(words, process)

    def _tools(self):
        directory = self.root / "bin"
        directory.mkdir(exist_ok=True)
        cases = []
        for number, (part, answer) in enumerate(reversed(self.here.items())):
            out, err, status = (answer, "", 0) if isinstance(answer, str) else answer
            (directory / f"{number}.out").write_text(out)
            (directory / f"{number}.err").write_text(err)
            fits = f"*{shlex.quote(part[:-1])}" if part.endswith("$") else f"*{shlex.quote(part)}*" if part else "*"
            cases.append(f"{fits}) cat {directory}/{number}.out; cat {directory}/{number}.err >&2; exit {status};;")
        for name in ("zfs", "zpool"):
            (directory / name).write_text('#!/bin/sh\ncase "$*" in\n' + "\n".join(cases) + "\nesac\n")
            (directory / name).chmod(0o755)


def pressing(findings):
    """What is worse than a note: (check, text, mend)."""
    return [(one.check, one.text, one.mend) for one in findings if one.level in ("warn", "fail")]


def of(findings, check, job=None):
    """The levels and texts of one check."""
    return [(one.level.value, one.text) for one in findings if one.check == check and job in (None, one.job)]


def me():
    """Who runs the tests."""
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())
