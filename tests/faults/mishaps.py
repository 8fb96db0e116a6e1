"""Faults, each a function that does it to an arena and undoes only what a person or the world would undo.

None of them touches zfspull's state or asks it for anything: what follows is its own doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.arena import SLOW, SOURCE_POOL, TARGET, TARGET_POOL, Arena
from tests.faults.witness import wait_for


DAY_SECONDS = 86_400
_SSHD = "ss -Htnp state established '( sport = :22 )' src 10.77.0.1 | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u"


def kill_daemon(arena: Arena) -> None:
    """SIGKILL to the daemon, which is there or about to be; systemd starts it again."""
    wait_for("it is there to be killed", lambda: arena.daemon_pid() != "0", timeout_seconds=180)
    arena.witness.count()
    arena.backup.run("systemctl kill --signal=KILL --kill-whom=main zfspull")


def kill_receive(arena: Arena) -> None:
    """SIGKILL to every `zfs receive`."""
    arena.backup.run("pkill -KILL -f '^zfs receiv[e]'", check=False)


def kill_send(arena: Arena) -> None:
    """SIGKILL to every `zfs send`."""
    arena.source.run("pkill -KILL -f '^zfs sen[d]'", check=False)


def kill_sshd(arena: Arena) -> None:
    """SIGKILL to the processes of sshd that hold the connection."""
    arena.source.run(f"kill -KILL $({_SSHD})", check=False)


def power_cut_source(arena: Arena) -> None:
    """The source loses its power, and gets it back; a passphrase is typed in there, as after every boot."""
    before = time.time()
    arena.source.power_cut()
    arena.source.start()
    arena.source.run(f"zpool list {SOURCE_POOL} >/dev/null || zpool import {SOURCE_POOL}")
    arena.source.run("zfs load-key -a </dev/null; zfs mount -a")
    arena.note(before=before)


def power_cut_backup(arena: Arena) -> None:
    """The backup box loses its power, and gets it back; systemd starts zfspull if it is enabled."""
    arena.backup.run("systemctl enable -q zfspull; sync")
    arena.witness.count()
    arena.backup.power_cut()
    arena.backup.start()


def cut_link(seconds: float) -> Callable[[Arena], None]:
    """The link is dead for so long; what is sent vanishes."""

    def mishap(arena: Arena) -> None:
        arena.source.cut_link()
        time.sleep(seconds)
        arena.source.restore_link()

    return mishap


def bad_link(netem: str, seconds: float = 6.0) -> Callable[[Arena], None]:
    """The link does this to the packets of both sides for so long."""

    def mishap(arena: Arena) -> None:
        arena.source.shape_link(f"{SLOW} {netem}")
        arena.backup.shape_link(netem)
        time.sleep(seconds)
        arena.backup.shape_link(None)
        arena.source.shape_link(SLOW)

    return mishap


def fill_pool(arena: Arena) -> None:
    """The target pool is full until somebody deletes something: all room is reserved, the rest is written full."""
    arena.backup.run(
        f"room=$(zfs get -Hp -o value available {TARGET_POOL}); zfs create -o refreservation=$((room - 8000000)) {TARGET_POOL}/hoard\n"
        f"zfs create -o compression=off {TARGET_POOL}/heap; head -c 20000000 /dev/urandom >/{TARGET_POOL}/heap/file\nzpool sync {TARGET_POOL}",
        check=False,
    )
    arena.source.shape_link(None)
    arena.load_more()
    try:
        wait_for("it is full", lambda: "out_of_space" in arena.recent_log(), timeout_seconds=180)
    finally:
        arena.backup.run(f"zfs destroy -r {TARGET_POOL}/hoard; zfs destroy -r {TARGET_POOL}/heap")


def quota(arena: Arena) -> None:
    """A quota stops the receive until it is lifted."""
    parent = TARGET.rpartition("/")[0]
    arena.backup.run(  # what arrives meanwhile may overtake it
        f"for try in $(seq 20); do zfs set quota=$(( $(zfs get -Hp -o value used {parent}) + 1000000 )) {parent} && exit 0; done; exit 1"
    )
    arena.source.shape_link(None)
    arena.load_more(4_000_000)
    try:
        wait_for("the quota is hit", lambda: _says(arena, "quota", "out_of_space"), timeout_seconds=180)
    finally:
        arena.backup.run(f"zfs set quota=none {parent}")


def _says(arena: Arena, *reasons: str) -> bool:
    log = arena.recent_log()
    return any(reason in log for reason in reasons)


def export_source(arena: Arena) -> None:
    """The source's pool is exported in mid-send, by force and as soon as ZFS lets go of it, and imported again."""
    before = time.time()
    arena.source.run(
        f"for try in $(seq 40); do pkill -KILL -f '^zfs sen[d]'; zpool export -f {SOURCE_POOL} 2>/dev/null && break; sleep 0.1; done\n"
        f"sleep 2; zpool import {SOURCE_POOL} && zfs load-key -a </dev/null && zfs mount -a"
    )
    arena.note(before=before)


def destroy_sent(arena: Arena, path: str, name: str) -> None:
    """The snapshot being sent is destroyed: ZFS calls it busy while it is being sent, so the send is killed first."""
    snapshot = f"{SOURCE_POOL}/data/{path}@{name}"
    arena.change(
        f"for try in $(seq 100); do pkill -KILL -f '^zfs sen[d]'; zfs destroy {snapshot} 2>/dev/null && exit 0; done; exit 1"
    )


def clock_jump(side: str, seconds: int, *, hold_seconds: float = 8.0) -> Callable[[Arena], None]:
    """The clock of one side is off by so much for a while, then right again."""

    def mishap(arena: Arena) -> None:
        machine = arena.source if side == "source" else arena.backup
        with arena.clocks_apart():
            machine.run(f"date -s @$(( $(date +%s) + {seconds} ))")
            arena.source.shape_link(None)
            time.sleep(hold_seconds)

    return mishap


@dataclass(frozen=True)
class Fault:
    """A fault as the soak chooses it.

    Attributes:
        kind: its name in figures.
        weight: how often it is chosen, relative to the others.
        strike: does it, in the middle of a transfer.
    """

    kind: str
    weight: int
    strike: Callable[[Arena], None]


FAULTS = (
    Fault("kill -9 of the daemon", 4, kill_daemon),
    Fault("kill -9 of zfs receive", 4, kill_receive),
    Fault("kill -9 of zfs send", 4, kill_send),
    Fault("kill -9 of sshd", 4, kill_sshd),
    Fault("link cut for 1.5 s", 3, cut_link(1.5)),
    Fault("link cut for 15 s", 2, cut_link(15)),
    Fault("5 % of packets dropped", 2, bad_link("loss 5%")),
    Fault("packets 200 ms late", 2, bad_link("delay 200ms")),
    Fault("1 % of packets corrupted", 2, bad_link("corrupt 1%")),
    Fault("quota of the target", 2, quota),
    Fault("target pool full", 2, fill_pool),
    Fault("source pool exported", 2, export_source),
    Fault("backup's clock a day ahead", 1, clock_jump("backup", DAY_SECONDS)),
    Fault("backup's clock a day behind", 1, clock_jump("backup", -DAY_SECONDS)),
    Fault("power cut of the source", 1, power_cut_source),
    Fault("power cut of the backup box", 1, power_cut_backup),
)
