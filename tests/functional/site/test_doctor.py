"""The doctor on a backup box and a source that have one thing wrong each: it finds that, says what mends it, and nothing else."""

from __future__ import annotations

import asyncio
import time

import asyncssh
import pytest

from tests.functional.site.scene import (
    GATE,
    SOURCE_ALLOW,
    TARGET_ALLOW,
    Scene,
    dataset,
    me,
    of,
    point,
    pressing,
)
from zfspull.site import examine as examine_module
from zfspull.site.finding import healthy
from zfspull.zfs.commands import DATASET_COLUMNS, TARGET_DATASET_COLUMNS


HERE, THERE = TARGET_DATASET_COLUMNS, DATASET_COLUMNS
PARENT = dataset("backup/gw", HERE, encryptionroot="-", keystatus="-")


@pytest.fixture
def scene(ssh_host, tmp_path):
    made = Scene(ssh_host, tmp_path)
    made.daemon_user = "zp"
    return made


def known(findings):
    """Without what the machine that runs the tests has to say of itself."""
    return [one for one in findings if one.check not in ("unit", "daemon", "state", "files")]


async def test_all_is_well(scene):
    """Where nothing is wrong nothing is pressing, and each check has looked."""
    findings = known(await scene.doctor())

    assert pressing(findings) == []
    assert healthy(findings)
    assert {one.check for one in findings} == {
        "zfs", "pools", "login", "gate", "clock", "source", "source permissions", "target permissions", "features",
        "replicas", "keys", "schedule", "retention",
    }  # fmt: skip


async def test_nothing_is_changed(scene):
    """All that is run on the source is a look."""
    await scene.doctor()

    verbs = {tuple(words[:2]) for words in scene.ssh_host.commands}
    assert verbs == {
        ("true",),
        ("date", "+%s"),
        ("zfs", "version"),
        ("zfs", "allow"),
        ("zfs", "list"),
        ("zpool", "get"),
    }
    assert not [words for words in scene.ssh_host.commands if words[:2] == ["zfs", "allow"] and len(words) != 3]


BROKEN_THERE = {
    "permission": (
        {"zfs allow": SOURCE_ALLOW.replace("hold,release,", "")},
        ("source permissions", "puller may not hold, release on tank/home", "zfs allow -u puller hold,release tank/home"),
    ),
    "permission not below": (
        {"zfs allow": SOURCE_ALLOW.replace("Local+Descendent", "Descendent")},
        ("source permissions", "puller may not send, snapshot, hold, release", "zfs allow -u puller send,snapshot"),
    ),
    "too much": (
        {"zfs allow": SOURCE_ALLOW.replace("send", "send,rollback")},
        ("source permissions", "puller may also rollback on tank/home", "zfs unallow -u puller rollback tank/home"),
    ),
    "clock": ({"date +%s": lambda: f"{int(time.time()) + 3600}\n"}, ("clock", "ahead of", "timedatectl")),
    "clock behind": ({"date +%s": lambda: f"{int(time.time()) - 3600}\n"}, ("clock", "behind", "timedatectl")),
    "feature": ({"zpool get": "feature@zstd_compress\tactive\n"}, ("features", "zstd", "upgrade OpenZFS here")),
    "no zfs": (
        {"zfs": ("", "env: 'zfs': No such file or directory", 127)},
        ("zfs", "No such file or directory", ""),
    ),
    "no dataset": (
        {"name,type": ("", "cannot open 'tank/home': dataset does not exist", 1)},
        ("source", "there is no dataset tank/home there", "zfs list"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_THERE)
async def test_what_is_wrong_there(scene, case):
    """One thing that is wrong on the source is one pressing finding, with what mends it."""
    answers, (check, text, mend) = BROKEN_THERE[case]
    scene.there |= answers

    found = pressing(known(await scene.doctor()))

    assert len(found) == 1, found
    assert found[0][0] == check
    assert text in found[0][1]
    assert mend in found[0][2]


BROKEN_HERE = {
    "permission": (
        {"allow": TARGET_ALLOW.replace("receive,", "")},
        ("target permissions", "zp may not receive below backup/gw", "zfs allow -u zp receive backup/gw"),
    ),
    "no pool": (
        {"name,used,available": ("", "cannot open 'backup': dataset does not exist", 1)},
        ("pools", "there is no pool backup here", "zpool import backup"),
    ),
    "short of room": ({"name,used,available": "backup\t9990\t10\n"}, ("pools", "short of room", "zfs list -o space")),
    "writable": (
        {"name,type": dataset("backup/gw/home", HERE, readonly="off"), "backup/gw$": PARENT},
        ("replicas", "backup/gw/home is not read-only", "zfs set readonly=on backup/gw/home"),
    ),
    "mounted at boot": (
        {"name,canmount": "backup/gw/home\ton\n"},
        ("replicas", "would be mounted at boot", "zfs set canmount=noauto backup/gw/home"),
    ),
    "key loaded": (
        {"name,type": dataset("backup/gw/home", HERE, keystatus="available"), "backup/gw$": PARENT},
        ("keys", "has its key loaded here", "zfs unload-key backup/gw/home"),
    ),
    "plain": (
        {"name,type": dataset("backup/gw/home", HERE, encryptionroot="-", keystatus="-"), "backup/gw$": PARENT},
        ("keys", "is not encrypted here, though its source is", ""),
    ),
    "of another root": (
        {"name,type": dataset("backup/gw/home", HERE, encryptionroot="backup"), "backup/gw$": PARENT},
        ("keys", "encrypted with a key of this machine", ""),
    ),
    "old": (
        {"version": "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"},
        ("zfs", "OpenZFS 2.1.11 here: raw streams may be received", "upgrade to 2.2.0 or newer"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_HERE)
async def test_what_is_wrong_here(scene, case):
    """One thing that is wrong on the backup box is one pressing finding, with what mends it."""
    answers, (check, text, mend) = BROKEN_HERE[case]
    scene.here |= answers

    found = pressing(known(await scene.doctor()))

    assert len(found) == 1, found
    assert found[0][0] == check
    assert text in found[0][1]
    assert mend in found[0][2]


async def test_plain_there_and_encrypted_here(scene):
    """What is plain on the source may be encrypted with a key of this machine, which then has to be loaded."""
    scene.there |= {"name,type": dataset("tank/home", THERE, encryptionroot="-", keystatus="-")}
    scene.here |= {"name,type": dataset("backup/gw/home", HERE, encryptionroot="backup"), "backup/gw$": PARENT}
    ((check, text, mend),) = pressing(known(await scene.doctor()))
    assert (check, mend) == ("keys", "zfs load-key backup")
    assert text.startswith("backup is locked")

    here = dataset("backup/gw/home", HERE, encryptionroot="backup", keystatus="available")
    scene.here |= {"name,type": here, "backup/gw$": PARENT}
    assert of(await scene.doctor(), "keys") == [("ok", "1 plain there and encrypted here, and the key is loaded")]


async def test_a_mounted_replica(scene):
    """Read-only and mounted is worth knowing, for somebody may be restoring; writable and mounted is pressing."""
    scene.here |= {"name,type": dataset("backup/gw/home", HERE, mounted="yes"), "backup/gw$": PARENT}
    assert of(await scene.doctor(), "replicas") == [("note", "backup/gw/home is mounted")]

    scene.here |= {"name,type": dataset("backup/gw/home", HERE, mounted="yes", readonly="off"), "backup/gw$": PARENT}
    assert [level for level, _ in of(await scene.doctor(), "replicas")] == ["warn", "warn"]


async def test_the_gate_is_seen(scene):
    """A gate refuses `true`; what else it does not tell is a note, and nothing is pressing."""
    scene.there |= dict.fromkeys(["true", "version", "zpool", "date"], ("", GATE, 126))

    findings = known(await scene.doctor())

    assert pressing(findings) == []
    assert of(findings, "gate") == [("ok", "zfspull-gate guards the login: it runs what a pull needs and nothing else")]
    assert ("note", "the gate does not tell the version of OpenZFS") in of(findings, "zfs")


async def test_a_clock_behind_the_gate(scene):
    """A gate does not tell the time, but a snapshot of the future tells that a clock is wrong."""
    scene.there |= dict.fromkeys(["true", "version", "zpool", "date"], ("", GATE, 126))
    scene.there |= {"snapshot,bookmark": point("tank/home@s1", creation=str(int(time.time()) + 3600))}

    found = pressing(known(await scene.doctor()))

    assert [check for check, _, _ in found] == ["clock"]
    assert "ahead of" in found[0][1]


async def test_no_gate_is_a_note(scene):
    """Without a gate pulls work, so that is worth knowing and nothing more."""
    assert of(await scene.doctor(), "gate")[0][0] == "note"


async def test_a_login_without_a_shell(scene):
    """A login that runs no commands is told once, with what mends it, and not again by each check that needs it."""
    scene.there |= {"true": ("", "This account is currently not available.", 1)}

    found = pressing(known(await scene.doctor()))

    assert len(found) == 1
    assert "not available" in found[0][1]
    assert "usermod" in found[0][2]


async def test_a_host_out_of_reach(scene, ssh_host):
    """A host that can't be reached is one finding, and what is here is looked at all the same."""
    await ssh_host.stop()

    findings = await scene.doctor()

    assert [check for check, _, _ in pressing(known(findings))] == ["login"]
    assert of(findings, "replicas") == [("ok", "the replica is read-only and not mounted")]
    assert of(findings, "target permissions")[0][0] == "ok"


async def test_another_host_key(scene, ssh_host):
    """A host with another key than the known one is one finding, with what to compare and where."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    ssh_host.known_hosts.write_text(f"[127.0.0.1]:{ssh_host.port} {key}")

    found = pressing(known(await scene.doctor()))

    assert len(found) == 1
    assert found[0][0] == "login"
    assert str(ssh_host.known_hosts) in found[0][1]
    assert "ssh-keygen -lf" in found[0][2]


async def test_root_is_told_of_something_better(scene):
    """Who logs in as root has no permissions to look at, and hears of a user of its own."""
    scene.user = "root"
    scene.daemon_user = "root"

    findings = await scene.doctor()

    assert of(findings, "source permissions")[0][0] == "note"
    assert of(findings, "target permissions")[0][0] == "ok"


async def test_a_first_pull_that_does_not_fit(scene):
    """Before the first pull the source's size is compared with the room here."""
    scene.here |= {"name,type": ("", "cannot open 'backup/gw/home': dataset does not exist", 1), "backup/gw$": PARENT}
    scene.there |= {"name,used": f"tank/home\t{10**9}\n"}

    assert [check for check, _, _ in pressing(known(await scene.doctor()))] == ["space"]


@pytest.mark.parametrize(
    ("settings", "there", "expected"),
    [
        ({"snapshots": {"take": False, "match": "^auto"}}, {}, ("source", "warn", "no snapshots that match '^auto'")),
        ({"schedule": "manual"}, {}, ("schedule", "note", "no schedule")),
        ({"keep": None}, {}, ("retention", "note", "no `keep`")),
        ({"keep": {"matching": "^year"}}, {}, ("retention", "note", "'^year'")),
        ({"keep": [{"snapshots": "^auto", "last": 3}]}, {}, ("retention", "note", "'^auto'")),
        (
            {"cursor": "auto"},
            {"zfs allow": SOURCE_ALLOW.replace("release", "diff")},
            ("source permissions", "note", "keep the base"),
        ),
    ],
)
async def test_what_the_job_says_against_what_is_there(scene, settings, there, expected):
    """Schedules, retention and cursors that do not fit what is there are told."""
    scene.settings |= settings
    scene.there |= there
    check, level, text = expected

    found = of(await scene.doctor(), check, "home")

    assert level in [one for one, _ in found]
    assert any(text in words for _, words in found), found


async def test_how_the_runs_went(scene):
    """What the running daemon knows of the job is told: its problems, or when it last succeeded, or that it never ran."""
    job = {"last_success_at": time.time() - 7200, "problems": []}
    scene.status = {"config": {"ok": True}, "jobs": {"home": job}}
    assert of(await scene.doctor(), "runs") == [("ok", "it last succeeded 2h ago")]

    job["last_success_at"] = None
    assert of(await scene.doctor(), "runs") == [("note", "it has not run yet")]

    job["problems"] = [{"message": "diverged", "hint": "decide"}]
    findings = await scene.doctor()
    assert ("runs", "diverged", "decide") in pressing(findings)
    assert of(findings, "daemon") == [("ok", "the daemon is running, with this configuration")]


async def test_a_daemon_that_does_not_know_the_job(scene):
    """A daemon with an older configuration than the files is told to reload."""
    scene.status = {"config": {"ok": True}, "jobs": {}}

    assert ("daemon", "the daemon does not know: home", "zfspull reload") in pressing(await scene.doctor())


async def test_the_state_directory_of_another(scene):
    """Files that the daemon's user does not own would stop it: that is found, with the command."""
    found = [one for one in await scene.doctor() if one.check == "state"]
    assert found[0].level == "warn"
    assert "the daemon runs as zp" in found[0].text
    assert "chown -R zp:" in found[0].mend

    scene.daemon_user = me()
    assert of(await scene.doctor(), "state")[0][0] == "ok"


async def test_a_check_that_breaks_is_a_finding(scene, monkeypatch):
    """A check with a mistake in it, and one that never ends, are findings; the others have looked all the same."""

    async def breaks(looks):
        raise LookupError("oops")

    async def hangs(looks):
        await asyncio.Event().wait()

    checks = dict(examine_module.HOST_CHECKS) | {"breaks": breaks, "hangs": hangs}
    monkeypatch.setattr(examine_module, "HOST_CHECKS", checks)
    monkeypatch.setattr(examine_module.examine, "__kwdefaults__", {"check_seconds": 3.0})

    findings = await scene.doctor()

    assert "oops" in of(findings, "breaks")[0][1]
    assert "given up" in of(findings, "hangs")[0][1]
    assert of(findings, "gate")[0][0] == "note"


async def test_hostile_answers_break_nothing(scene):
    """Whatever the source prints is a finding at worst: no check breaks on it."""
    for part in ("version", "allow", "zpool", "date", "name,used", "snapshot,bookmark", "name,type"):
        broken = Scene(scene.ssh_host, scene.root)
        broken.there[part] = "\x1b]0;x\x07\t\n---- Permissions on \n\xff\t-\n9" * 50
        findings = await broken.doctor()
        assert not [one for one in findings if "the check itself" in one.text], part


async def test_snapshots_that_the_job_does_not_want(scene):
    """A dataset of many that has nothing to pull is a note that names it."""
    scene.settings |= {"snapshots": {"take": False}, "recursive": True}
    scene.there |= {
        "name,type": dataset("tank/home", THERE) + dataset("tank/home/a", THERE),
        "snapshot,bookmark": point("tank/home@s1"),
    }

    assert ("note", "1 of them have no snapshot that the job wants, such as tank/home/a") in of(
        await scene.doctor(), "source"
    )
