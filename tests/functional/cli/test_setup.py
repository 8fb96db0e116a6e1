"""`zfspull setup` as people start it, against a real SSH server. What it would run as root is only written down."""

from __future__ import annotations

import asyncio
import os
import pty
import stat
import sys
from pathlib import Path

import asyncssh
import pytest

from tests.functional.hosts.fixtures import _nothing_left_behind, ssh_host
from zfspull.cli.exit_codes import ExitCode
from zfspull.config.load import load_config


__all__ = ["_nothing_left_behind", "ssh_host"]

REPOSITORY = Path(__file__).parents[3]
RECORDS = """#!/bin/sh
for last; do :; done
[ "${0##*/}" != sh ] || last="here: $last"
printf '%s\\n' "$*" >>"$RECORD/argv"
number=$(ls "$RECORD" | wc -l)
cat >"$RECORD/$number"
"""


class Box:
    """A backup box in a directory, whose `ssh` and `sh` write down what they are given and do nothing."""

    def __init__(self, root, host):
        self.root, self.host = root, host
        self.etc = root / "etc"
        self.record = root / "record"
        self.record.mkdir()
        (root / "bin").mkdir()
        for name in ("ssh", "sh"):
            (root / "bin" / name).write_text(RECORDS)
            (root / "bin" / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "CONFIGURATION_DIRECTORY": str(self.etc),
            "STATE_DIRECTORY": str(root / "state"),
            "RUNTIME_DIRECTORY": str(root / "run"),
            "RECORD": str(self.record),
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        }
        self.usual = [
            "gw", "--address", "127.0.0.1", "--port", str(host.port), "--source", "tank/with space",
            "--target", "backup/gw/home",
        ]  # fmt: skip

    @property
    def fingerprint(self):
        key = self.host.known_hosts.read_text().split(maxsplit=1)[1]
        return asyncssh.import_public_key(key).get_fingerprint()

    async def setup(self, *argv):
        """Exit code, standard output, standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "zfspull", "setup", *argv, env=self.environment, cwd=REPOSITORY,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    def files(self):
        """All files of the configuration with what is in them."""
        return {str(path.relative_to(self.etc)): path.read_bytes() for path in self.etc.rglob("*") if path.is_file()}

    def ran(self):
        """What `ssh` and `sh` were given: the command lines, and their standard inputs in order."""
        if not (self.record / "argv").exists():
            return [], []
        inputs = sorted(
            (file for file in self.record.iterdir() if file.name != "argv"), key=lambda file: int(file.name)
        )
        return (self.record / "argv").read_text().splitlines(), [file.read_text() for file in inputs]


@pytest.fixture
def box(tmp_path, ssh_host):
    (tmp_path / "box").mkdir()
    return Box(tmp_path / "box", ssh_host)


async def test_everything_is_made(box):
    """With an administrator's login all is done, each thing in its place, and the doctor has the last word."""
    code, out, err = await box.setup(
        *box.usual, "--fingerprint", box.fingerprint, "--admin-login", "root@127.0.0.1", "--yes"
    )

    key = box.etc / "keys/id_ed25519"
    public = (box.etc / "keys/id_ed25519.pub").read_text().strip()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert asyncssh.read_private_key(key).export_public_key("openssh").decode().strip() == public
    assert (box.etc / "known_hosts").read_text() == box.host.known_hosts.read_text()
    config = load_config(box.etc / "zfspull.yaml")
    assert config.hosts["gw"].port == box.host.port
    assert config.jobs["gw-with_space"].source == "tank/with space"
    lines, inputs = box.ran()
    assert "root@127.0.0.1 umask 022; cat >/usr/local/bin/zfspull-gate.new" in lines[0]
    assert "StrictHostKeyChecking=yes" in lines[0]
    assert inputs[0] == (REPOSITORY / "packaging/source/zfspull-gate").read_text()
    assert lines[1].endswith("root@127.0.0.1 sh -s")
    assert public in inputs[1]
    assert "--allow snapshot,hold" in inputs[1]
    if os.geteuid() == 0:
        assert lines[2] == "-c sh -s"
        assert "zfs create -o canmount=off backup/gw" in inputs[2]
    # The stand-in of ssh let nobody in, and that is what the doctor finds.
    assert (code, err) == (ExitCode.FAILED, "")
    assert "zfspull.yaml is not there" not in out
    assert "refused the login" in out.split("(zfspull doctor)")[1]


async def test_a_second_time_nothing_changes(box):
    """Run again, with or without all that was said, it finds everything there and writes nothing."""
    await box.setup(*box.usual, "--fingerprint", box.fingerprint, "--yes")
    before = box.files()

    code, out, err = await box.setup("gw", "--source", "tank/with space", "--yes")

    assert (code, err) == (ExitCode.OK, "")
    assert box.files() == before
    assert "is there, and is used" in out
    assert "it is the one in" in out
    assert "the host and its jobs are there already" in out


async def test_a_second_dataset(box):
    """Another dataset of a host comes to those that are there: the gate and the grants name both."""
    await box.setup(*box.usual, "--fingerprint", box.fingerprint, "--yes")
    before = box.files()

    code, out, _ = await box.setup("gw", "--source", "tank/b", "--target", "backup/gw/b", "--yes")

    assert code == ExitCode.OK
    assert "--allow snapshot,hold 'tank/with space' tank/b" in out
    assert box.files().keys() - before.keys() == {"jobs.d/gw-b.yaml"}
    assert {name: box.files()[name] for name in before} == before


async def test_by_hand(box):
    """Without an administrator's login everything for the source is printed, nothing is run there, and that is no failure."""
    code, out, _ = await box.setup(*box.usual, "--fingerprint", box.fingerprint, "--yes")

    assert code == ExitCode.OK
    assert "zfs allow -u zfspull send,snapshot,hold,release 'tank/with space'" in out
    assert (box.etc / "keys/id_ed25519.pub").read_text().strip() in out
    assert "zfspull doctor gw-with_space" in out
    assert not [line for line in box.ran()[0] if "127.0.0.1" in line]


async def test_a_dry_run_changes_nothing(box):
    """All is shown, and no file is there afterwards, nor was anything run."""
    code, out, _ = await box.setup(*box.usual, "--admin-login", "root@127.0.0.1", "--dry-run")

    assert code == ExitCode.OK
    assert box.fingerprint in out
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in out
    assert not box.etc.exists()
    assert box.ran() == ([], [])


async def test_another_fingerprint_is_refused(box):
    """A host whose key is not the expected one is not trusted."""
    code, _, err = await box.setup(*box.usual, "--fingerprint", "SHA256:another", "--yes")

    assert code == ExitCode.PERMISSION
    assert "SHA256:another" in err
    assert "known_hosts" not in box.files()


async def test_yes_does_not_mean_the_host_key(box):
    """`--yes` confirms no host key: that takes the fingerprint."""
    code, _, err = await box.setup(*box.usual, "--yes")

    assert code == ExitCode.USAGE
    assert "--fingerprint" in err
    assert "known_hosts" not in box.files()


async def test_another_known_key_is_refused(box):
    """A host that is known by another key is refused with the place of that key, whatever fingerprint is given."""
    box.etc.mkdir()
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = f"# mine\n[127.0.0.1]:{box.host.port} {other}"
    (box.etc / "known_hosts").write_text(known)

    code, _, err = await box.setup(*box.usual, "--fingerprint", box.fingerprint, "--yes")

    assert code == ExitCode.PERMISSION
    assert f"{box.etc}/known_hosts:2 has another key" in err
    assert (box.etc / "known_hosts").read_text() == known


async def test_a_file_in_the_way(box):
    """A file with the name of the new job stops it before anything is done."""
    (box.etc / "jobs.d").mkdir(parents=True)
    (box.etc / "zfspull.yaml").write_text("hosts: {nas: {address: nas}}\n")
    (box.etc / "jobs.d/gw-with_space.yaml").write_text("source: nas:a\ntarget: b/c\nschedule: manual\n")
    before = box.files()

    code, _, err = await box.setup(*box.usual, "--fingerprint", box.fingerprint, "--yes")

    assert code == ExitCode.FAILED
    assert "gw-with_space.yaml is there already" in err
    assert box.files() == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["gw"], "--source"),
        (["gw", "--source", "tank/home"], "--target"),
        (["gw", "--source", "tank/home", "--target", "b/c", "--allow", "everything"], "snapshot, hold"),
        (["gw", "--address", "a b", "--source", "tank/home", "--target", "b/c"], "address"),
    ],
)
async def test_what_is_missing_is_named(box, argv, said):
    """Without a terminal, what is missing or wrong is an error that names the option."""
    code, _, err = await box.setup(*argv)

    assert code == ExitCode.USAGE
    assert said in err
    assert not box.etc.exists()


async def test_a_wrong_dataset_is_told_as_a_mistake_of_the_file(box):
    """What would be a mistake in the files is told before anything is done."""
    code, _, err = await box.setup("gw", "--address", "127.0.0.1", "--source", "tank//x", "--target", "b/c", "--yes")

    assert code == ExitCode.CONFIG
    assert "source" in err
    assert not box.etc.exists()


async def test_the_dialogue(box):
    """On a terminal it asks for what was left out, proposes defaults, and a no leaves things as they are."""
    answers = {
        "to pull": "tank/home",
        "for the replica": "backup/gw/home",
        "when to pull": "",
        "may do there": "",
        "Is it the same?": "n",
    }
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zfspull", "setup", "gw", "--address", "127.0.0.1", "--port", str(box.host.port),
        env=box.environment, cwd=REPOSITORY, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    heard = ""

    async def hear():
        nonlocal heard
        try:
            heard += (await asyncio.to_thread(os.read, ours, 65536)).decode()
        except OSError:  # the other end is closed
            return False
        return True

    async with asyncio.timeout(30):
        while await hear():
            for question, answer in list(answers.items()):
                if question in heard:
                    os.write(ours, f"{answer}\n".encode())
                    del answers[question]
        assert await process.wait() == ExitCode.USAGE
    os.close(ours)

    assert answers == {}
    assert "[@hourly]" in heard
    assert box.fingerprint in heard
    assert set(box.files()) == {"keys/id_ed25519", "keys/id_ed25519.pub"}
