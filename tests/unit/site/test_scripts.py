"""The scripts of setup: run for real in a sandbox of stand-ins, since what counts is what a shell makes of them."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zfspull.config.new_job import NewJob
from zfspull.config.schema import Config, Host, Job, TargetSettings
from zfspull.plan.cursors import CursorKind
from zfspull.plan.grants import Verb
from zfspull.site.source_script import GATE_PATH, authorized_keys_line, source_script
from zfspull.site.target_script import target_script
from zfspull.site.wishes import job_name, target_for, wished


KEY = "ssh-ed25519 AAAAC3Nza+/x zfspull"
DATASETS = st.lists(
    st.from_regex(r"\A[a-z][a-z0-9]{0,3}(/[A-Za-z0-9_.:\- ]{1,8}){0,2}\Z").filter(lambda name: " ." not in name),
    min_size=1,
    max_size=3,
    unique=True,
)


def new_job(source="tank/home", target="backup/gw/home"):
    return NewJob(
        name=job_name("gw", source),
        host="gw",
        source=source,
        target=target,
        schedule="@hourly",
        take=True,
        cursor=CursorKind.NONE,
    )


def wishes(sources=("tank/home",), *, verbs=(Verb.SNAPSHOT, Verb.HOLD), gate=True, config=None, user="puller", **more):
    host = Host(name="gw", address="10.0.0.1", user=user)
    jobs = [new_job(source) for source in sources]
    return wished(host, jobs, verbs, config or Config(), gate=gate, **({"daemon_user": "zfspull"} | more))


class Box:
    """A directory that a script takes for the machine: commands that would change it only write down that they ran."""

    def __init__(self, root):
        self.root = root
        self.home = root / "home"
        (root / "bin").mkdir()
        self.log = root / "log"
        self.log.touch()
        self.tool("useradd", "touch $ROOT/user")
        self.tool("id", "[ -e $ROOT/user ]")
        self.tool("getent", f"echo puller:x:999:999::{self.home}:/bin/sh")
        self.tool("zfs", 'case "$1" in list) [ -e "$ROOT/there" ];; esac')
        self.tool("zpool", "true")

    def tool(self, name, action):
        file = self.root / "bin" / name
        file.write_text(
            f'#!/bin/sh\nprintf "%s|" "${{0##*/}}" "$@" >>{self.log}\necho >>{self.log}\nROOT={self.root}\n{action}\n'
        )
        file.chmod(0o755)

    def run(self, script):
        # The scripts set PATH for root's sake: here our tools come first.
        script = script.replace("PATH=/usr/sbin", f"PATH={self.root}/bin:/usr/sbin")
        return subprocess.run(["sh", "-s"], input=script, text=True, capture_output=True, check=False, timeout=20)

    def calls(self, name):
        lines = self.log.read_text().splitlines()
        return [words for line in lines if (words := line.split("|")[:-1])[0] == name]

    @property
    def authorized(self):
        return (self.home / ".ssh/authorized_keys").read_text()


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_a_fresh_source(box):
    """User, key and grants are made; whoever logs in can neither change the key's line nor is it unreadable for sshd."""
    done = box.run(source_script(wishes(["tank/home", "tank/with space"]), KEY))

    assert (done.returncode, done.stderr) == (0, "")
    assert (
        box.authorized
        == f"""\
restrict,command="{GATE_PATH} --allow snapshot,hold tank/home 'tank/with space'" {KEY}
"""
    )
    assert box.calls("useradd") == [
        [
            "useradd",
            "--system",
            "--no-create-home",
            "--home-dir",
            "/var/lib/zfspull-source",
            "--shell",
            "/bin/sh",
            "puller",
        ]
    ]
    assert [call[1:] for call in box.calls("zfs")] == [
        ["allow", "-u", "puller", "send,snapshot,hold,release", "tank/home"],
        ["allow", "-u", "puller", "send,snapshot,hold,release", "tank/with space"],
    ]
    for path, mode in ((box.home, 0o755), (box.home / ".ssh", 0o755), (box.home / ".ssh/authorized_keys", 0o644)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.stat().st_uid == os.geteuid()


def test_it_may_be_run_again(box):
    """A second time nothing changes; another set of datasets replaces the line of this key and no other line."""
    box.run(source_script(wishes(), KEY))
    file = box.home / ".ssh/authorized_keys"
    file.write_text(f"# mine\nssh-ed25519 BBBB other\n{box.authorized}")
    before = file.read_text()

    assert box.run(source_script(wishes(), KEY)).returncode == 0
    assert file.read_text() == before
    assert box.run(source_script(wishes(["tank/home", "tank/b"]), KEY)).returncode == 0

    assert len(box.calls("useradd")) == 1
    assert box.authorized.splitlines()[:2] == ["# mine", "ssh-ed25519 BBBB other"]
    assert box.authorized.count(KEY) == 1
    assert "tank/home tank/b" in box.authorized


def test_a_user_without_shell_is_refused(box):
    """A daemon's own user of that name, which can't log in, is left alone and said so."""
    box.tool("getent", "echo puller:x:999:999::/var/lib/zfspull:/usr/sbin/nologin")

    done = box.run(source_script(wishes(), KEY))

    assert done.returncode == 1
    assert "--user NAME" in done.stderr
    assert box.calls("zfs") == []


def test_a_link_in_the_way_is_refused(box):
    """A link that could lead root to write elsewhere is not followed."""
    (box.home / ".ssh").mkdir(parents=True)
    (box.home / ".ssh/authorized_keys").symlink_to(box.root / "precious")

    assert box.run(source_script(wishes(), KEY)).returncode == 1
    assert not (box.root / "precious").exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sources=DATASETS)
def test_the_gate_gets_each_name_whole(sources):
    """What sshd hands to the login's shell is, word for word, the gate and the datasets, whatever is in their names."""
    line = authorized_keys_line(wishes(sources), KEY)
    quoted = line[len('restrict,command="') : line.rindex('" ssh-ed25519')]
    command = quoted.replace('\\"', '"').replace("\\\\", "\\")

    heard = subprocess.run(
        ["sh", "-c", f"set -- {command}; for word; do printf '%s\\n' \"$word\"; done"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert heard == [GATE_PATH, "--allow", "snapshot,hold", *sources]
    assert shlex.split(command) == heard


def test_without_the_gate():
    """Without it the key may run any command, and still forward nothing."""
    assert authorized_keys_line(wishes(gate=False), KEY) == f"restrict {KEY}"


def test_the_place_of_the_replicas(box):
    """What is missing above the targets is made, unmounted, and the daemon's user may work there."""
    done = box.run(target_script(wishes(["tank/a b", "tank/c"]), TargetSettings()))

    assert (done.returncode, done.stderr) == (0, "")
    assert [call[1:] for call in box.calls("zfs") if call[1] != "list"] == [
        ["create", "-o", "canmount=off", "backup/gw"],
        [
            "allow", "-u", "zfspull",
            "create,mount,receive,destroy,rename,rollback,userprop,canmount,mountpoint,readonly", "backup/gw",
        ],
    ]  # fmt: skip


def test_the_place_is_there(box):
    """What exists is not made again, and root needs no permission."""
    (box.root / "there").touch()

    assert box.run(target_script(wishes(daemon_user="root"), TargetSettings())).returncode == 0
    assert [call[1] for call in box.calls("zfs")] == ["list"]


def test_old_jobs_keep_what_they_need():
    """A second setup of a host names the datasets and verbs of its old jobs too, or their pulls would end."""
    old = Job(
        name="old", source="gw:tank/old", target="backup/gw/old", schedule="manual", keep_source={"last": 3},
        snapshots={"take": True}, cursor="bookmark",
    )  # fmt: skip
    host = Host(name="gw", address="10.0.0.1", user="puller")

    made = wishes(["tank/new", "tank/old"], verbs=(Verb.HOLD,), config=Config(hosts={"gw": host}, jobs={"old": old}))

    assert made.roots == ("tank/old", "tank/new")
    assert [job.source for job in made.jobs] == ["tank/new"]
    assert made.verbs == (Verb.SNAPSHOT, Verb.HOLD, Verb.BOOKMARK, Verb.PRUNE)
    assert made.jobs[0].cursor is CursorKind.HOLD
    assert not made.is_new


def test_names():
    """A job is called after host and dataset, in the letters that names may have; several replicas lie side by side."""
    assert job_name("gw", "tank/with space") == "gw-with_space"
    assert target_for("backup/gw", "tank/with space", several=True) == "backup/gw/with space"
    assert target_for("backup/gw/x", "tank/a", several=False) == "backup/gw/x"
