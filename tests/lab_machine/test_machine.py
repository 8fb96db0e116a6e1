"""The lab's own promises: machines with real ZFS that can be used, cut off and left without power."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.lab.fixtures import MakePool, TwoMachines
from tests.lab.machine import Machine
from tests.lab.ssh import CommandError


def test_machine_runs_openzfs(lab_machine: Machine) -> None:
    """A machine of the default release runs OpenZFS 2.3 on its own kernel."""
    assert lab_machine.run("zfs version").stdout.splitlines()[1].startswith("zfs-kmod-2.3.")


def test_failed_command_raises_with_what_it_said(lab_machine: Machine) -> None:
    """A command that fails raises, and the error holds its status and its words."""
    with pytest.raises(CommandError, match="no such pool") as caught:
        lab_machine.run(["zpool", "list", "nowhere"])
    assert caught.value.result.status == 1


def test_clock_is_right(lab_machine: Machine) -> None:
    """A machine restored from a saved state has today's clock."""
    host = int(subprocess.check_output(["date", "+%s"]))
    assert abs(int(lab_machine.run("date +%s").stdout) - host) < 10


def test_files_travel_both_ways(lab_machine: Machine, tmp_path: Path) -> None:
    """A file put into a machine and fetched again is the same, byte for byte, mode included."""
    original = tmp_path / "original"
    original.write_bytes(os.urandom(300_000))
    original.chmod(0o750)
    lab_machine.put(original, "/root/a copy")
    lab_machine.get("/root/a copy", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == original.read_bytes()
    assert lab_machine.run(["stat", "-c", "%a", "/root/a copy"]).stdout == "750\n"


def test_directories_travel(lab_machine: Machine, tmp_path: Path) -> None:
    """A directory put into a machine arrives with all that is in it."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_text("text")
    lab_machine.put(tmp_path, "/root/tree")
    assert lab_machine.run("cat /root/tree/deep/er/file").stdout == "text"


@pytest.mark.parametrize("argument", ["with space", "it's", 'a "b" $c `d` \\e', "*", "", "-x", "line\nline\n", "ü"])
def test_wrapper_passes_arguments_untouched(lab_machine: Machine, argument: str) -> None:
    """An argument given to a wrapper on the host arrives in the machine as it was given."""
    wrapper = lab_machine.wrapper("printf")
    said = subprocess.run([wrapper, "%s|", argument, "last"], capture_output=True, check=True)
    assert said.stdout.decode() == f"{argument}|last|"


def test_wrapper_streams_bytes_and_passes_the_status_through(lab_machine: Machine) -> None:
    """What flows through a wrapper is not touched, and its exit status is the command's."""
    data = os.urandom(500_000)
    echoed = subprocess.run([lab_machine.wrapper("cat")], input=data, capture_output=True, check=True)
    assert echoed.stdout == data
    failed = subprocess.run([lab_machine.wrapper("zfs"), "list", "no/where"], capture_output=True, check=False)
    assert (failed.returncode, b"dataset does not exist" in failed.stderr) == (1, True)


def test_added_user_logs_in_through_the_forwarded_port(lab_machine: Machine, tmp_path: Path) -> None:
    """A key authorised for a user logs in as that user, and the given host key is the machine's."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    lab_machine.add_user("puller", public_key=(tmp_path / "key.pub").read_text())
    (tmp_path / "known_hosts").write_text(lab_machine.known_hosts + "\n")
    said = subprocess.check_output(
        ["ssh", "-F", "none", "-i", key, "-o", f"UserKnownHostsFile={tmp_path}/known_hosts", "-o", "BatchMode=yes",
         "-o", "StrictHostKeyChecking=yes", "-p", str(lab_machine.ssh_port), "puller@127.0.0.1", "id -un"],
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert said == "puller\n"


def test_forward_reaches_a_loopback_listener(lab_machine: Machine) -> None:
    """A forwarded port leads to what listens on the machine's loopback only."""
    lab_machine.run("cd /tmp && (printf answer | nc -N -l 127.0.0.1 4242 >/dev/null 2>&1 &)")
    lab_machine.run("for attempt in $(seq 100); do ss -Hltn | grep -q :4242 && exit 0; sleep 0.1; done; exit 1")
    port = lab_machine.forward(4242)
    assert subprocess.check_output(["bash", "-c", f"cat </dev/tcp/127.0.0.1/{port}"]) == b"answer"


def test_machines_know_each_other(two_machines: TwoMachines) -> None:
    """Each machine reaches the other by name over the private link, and is told apart from it."""
    source, backup = two_machines.source, two_machines.backup
    assert source.run("ping -c 1 -W 5 backup >/dev/null; hostname").stdout == "source\n"
    assert backup.run("ping -c 1 -W 5 source >/dev/null; hostname").stdout == "backup\n"
    assert source.run("hostid").stdout != backup.run("hostid").stdout


def test_machines_draw_different_random_numbers(two_machines: TwoMachines, make_pool: MakePool) -> None:
    """Machines restored from one saved state give their pools and snapshots different guids."""

    def guids(machine: Machine) -> set[str]:
        pool = make_pool(machine, size="128M")
        machine.run(f"zfs snapshot {pool}@one")
        return set(
            machine.run(
                f"zpool get -Hp -o value guid {pool}; zfs get -Hp -o value guid {pool} {pool}@one"
            ).stdout.split()
        )

    of_source, of_backup = guids(two_machines.source), guids(two_machines.backup)
    assert len(of_source | of_backup) == 6


def test_cut_link_is_a_black_hole(two_machines: TwoMachines) -> None:
    """Over a cut link nothing arrives and nothing is refused; once restored, it carries again."""
    source, backup = two_machines.source, two_machines.backup
    source.cut_link()
    silence = backup.run("time nc -v -z -w 5 source 22", check=False)  # longer than a question for an Ethernet address
    assert silence.status != 0
    assert "timed out" in silence.stderr
    source.restore_link()
    backup.run("for attempt in 1 2 3 4 5; do nc -z -w 2 source 22 && exit 0; done; exit 1")


def test_power_cut_keeps_what_was_synced(lab_machine: Machine, make_pool: MakePool) -> None:
    """After a power cut the machine starts again, imports its pool and has what had been written to it."""
    pool = make_pool(lab_machine, vdev=lab_machine.disks[0])
    lab_machine.run(f"echo precious >/{pool}/file && zpool sync {pool} && zfs snapshot {pool}@before")
    boot_id = lab_machine.run("cat /proc/sys/kernel/random/boot_id").stdout
    lab_machine.power_cut()
    assert not lab_machine.running
    lab_machine.start()
    assert lab_machine.run("cat /proc/sys/kernel/random/boot_id").stdout != boot_id
    assert lab_machine.run(f"cat /{pool}/.zfs/snapshot/before/file").stdout == "precious\n"
