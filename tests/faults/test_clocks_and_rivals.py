"""Clocks that jump, and two daemons by mistake."""

from __future__ import annotations

import pytest

from tests.faults import mishaps
from tests.faults.arena import CONVERGE_SECONDS, SLOW, Arena
from tests.faults.witness import wait_for


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation
CRAWL = "rate 400kbit limit 20"
OTHER = "CONFIGURATION_DIRECTORY=/etc/zfspull STATE_DIRECTORY=/var/lib/rival RUNTIME_DIRECTORY=/run/rival"


@pytest.mark.parametrize("side", ["source", "backup"])
@pytest.mark.parametrize("days", [1, -1])
def test_clock_jump(arena: Arena, side: str, days: int) -> None:
    """A clock that is a day off for a while on either side delays nothing by a day, and nothing is taken for newer than it is."""
    arena.flow(2_000_000, until_bytes=700_000)
    mishaps.clock_jump(side, days * mishaps.DAY_SECONDS)(arena)
    arena.load(200_000)
    arena.converge(f"clock of the {side} off by {days} day")


def test_snapshots_taken_with_a_wrong_clock(arena: Arena) -> None:
    """Snapshots whose creation times are out of order arrive in the order in which they were taken."""
    with arena.clocks_apart():
        arena.source.run("date -s @$(( $(date +%s) + 86400 ))")
        arena.load(200_000)
        arena.source.run("date -s @$(( $(date +%s) - 86400 * 2 ))")
        arena.load(200_000)
    arena.load(200_000)
    arena.converge("snapshots taken with a wrong clock")


def test_second_daemon_and_second_pull(arena: Arena) -> None:
    """A second daemon, and a pull beside the daemon's own, are told who is at work, and harm nothing."""
    arena.flow()
    arena.source.shape_link(CRAWL)  # the run must outlast the start of two Pythons under emulation
    second = arena.backup.run("timeout 240 zfspull daemon", check=False)
    assert second.status not in (0, 124), second
    assert "taken by" in second.stderr
    arena.backup.run("cp -r /etc/zfspull /root/other")
    beside = arena.backup.run("timeout 240 zfspull --config /root/other/zfspull.yaml pull data", check=False)
    assert beside.status == 75, beside
    arena.converge("second daemon, second pull")


def test_two_daemons_with_two_state_directories(arena: Arena) -> None:
    """Two daemons that cannot know of each other on one target get in each other's way, and still lose nothing."""
    arena.backup.run(
        "mkdir -p /var/lib/rival /run/rival /root/rival; cp -r /etc/zfspull/. /root/rival; "
        "sed -i 's/127.0.0.1:9797/127.0.0.1:9898/' /root/rival/zfspull.yaml; "
        f"systemd-run -q --unit=rival -p 'Environment={OTHER}' /usr/local/bin/zfspull daemon --config /root/rival/zfspull.yaml"
    )
    try:
        wait_for("the rival is at work", lambda: "run.started" in _log_of_rival(arena), timeout_seconds=120)
        arena.source.shape_link(SLOW)
        arena.load()
        # Whoever of the two brings it: the witness counts only the one's bytes.
        wait_for("it arrives", lambda: not arena.missing(), timeout_seconds=CONVERGE_SECONDS)
        arena.converge("two daemons on one target")
        assert arena.backup.run("systemctl is-active rival", check=False).stdout.strip() == "active"
        assert "Traceback" not in _log_of_rival(arena)
    finally:
        arena.backup.run("systemctl stop rival; systemctl reset-failed rival; rm -rf /var/lib/rival", check=False)


def _log_of_rival(arena: Arena) -> str:
    return arena.backup.run("journalctl -u rival -o cat --no-pager").stdout
