"""Nothing that the lab starts or writes outlives its owner."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import rundir


REPOSITORY = Path(__file__).resolve().parents[2]
RUNNER = """
import time
from tests.lab.lab import Lab
lab = Lab()
machine = lab.machine("victim")
lab.boot()
print(lab.directory, flush=True)
time.sleep(600)
"""


def _processes_of(directory: Path) -> list[int]:
    """The processes that name ``directory`` in their command lines."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(directory) in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:  # it ended meanwhile
            continue
    return found


@pytest.mark.lab
def test_killed_runner_leaves_nothing() -> None:
    """After SIGKILL of the process that runs a lab its machines are dead, and the next lab's start removes its directory."""
    runner = subprocess.Popen([sys.executable, "-c", RUNNER], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    with runner.stdout:
        directory = Path(runner.stdout.readline().strip())
    assert directory.is_dir()
    assert len(_processes_of(directory)) >= 2  # QEMU and the ssh connection
    assert directory not in rundir.sweep()  # its owner lives
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    deadline = time.monotonic() + 5
    while _processes_of(directory) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _processes_of(directory) == []
    assert directory in rundir.sweep()
    assert not directory.exists()
