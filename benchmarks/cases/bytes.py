"""Streams over a loopback sshd: ours, OpenSSH's client, and that with mbuffer behind it.

The sender is `cat` of random data, the receiver `cat >/dev/null`, on both ways the same; logging in counts. What sshd
costs is the same for all and is not counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmarks.rounds import Figures, in_turn
from benchmarks.rows import LIMIT, Row
from benchmarks.settings import Outcome, Settings
from tests.functional.hosts.sshd import sshd
from zfspull.hosts.login import Login


_MIB = 1 << 20
_GIB = 1 << 30
_FILE_BYTES = 256 * _MIB
_REPEATS = 4
_STREAMS = (1, 2, 4)
_MOST_DELAY_SECONDS = 0.1
_MOST_GROWTH = 1.15
"""What four times the bytes may do to the peak of memory: nothing, but peaks differ from run to run."""
_MBUFFER = "mbuffer -q -s 128k -m 64M"
_SINK = ("sh", "-c", "exec cat >/dev/null")
_CIPHER = "aes128-gcm@openssh.com"
_CHILDREN = """
import resource, subprocess, sys
subprocess.run(["bash", "-c", "set -o pipefail; " + sys.argv[1]], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class _Track:
    """Where the contestants run: a server, and a file to send so often."""

    login: Login
    file: Path
    repeats: int

    @property
    def words(self) -> tuple[str, ...]:
        """What prints the stream."""
        return ("cat", *[str(self.file)] * self.repeats)

    @property
    def bytes(self) -> int:
        """How long one stream is."""
        return self.file.stat().st_size * self.repeats


def run(settings: Settings) -> Outcome:
    """Measure."""
    return asyncio.run(_with_server(settings))


async def _with_server(settings: Settings) -> Outcome:
    file = settings.directory / "random"
    with file.open("wb") as writing:
        for _ in range(max(1, int(_FILE_BYTES * settings.scale) // _MIB)):
            writing.write(os.urandom(_MIB))
    async with sshd(settings.directory) as login:
        login.key.chmod(0o600)  # or OpenSSH's client would not use it
        track = _Track(login, file, _REPEATS)
        rows = await asyncio.to_thread(lambda: tuple(_rows(track, settings.rounds)))
    return Outcome(rows, _versions())


def _rows(track: _Track, rounds: int) -> Iterator[Row]:
    for streams in _STREAMS:
        contestants: dict[str, Callable[[], Figures]] = {
            "zfspull": partial(_ours, track, streams),
            "OpenSSH": partial(_openssh, track, streams, "cat"),
        }
        if shutil.which("mbuffer"):
            contestants["OpenSSH, mbuffer"] = partial(_openssh, track, streams, f"{_MBUFFER} | cat")
        found = in_turn(contestants, rounds=rounds)
        ours = found.pop("zfspull")
        what = f"{streams} stream{'s' if streams > 1 else ''}"
        for peer, theirs in found.items():
            yield from _beside(what, ours, peer, theirs)
        yield _limited(f"{what}: event loop's worst delay", "s", ours["delay"], _MOST_DELAY_SECONDS)
    long = _Track(track.login, track.file, 4 * track.repeats)
    peaks = in_turn({"short": partial(_ours, track, 1), "long": partial(_ours, long, 1)}, rounds=rounds)
    growth = peaks["long"]["MiB"] / peaks["short"]["MiB"]
    yield _limited("peak memory, by a stream four times as long", "times", growth, _MOST_GROWTH)


def _beside(what: str, ours: Figures, peer: str, theirs: Figures) -> Iterator[Row]:
    must = 1.0 if peer == "OpenSSH" else None
    for name, unit, better, target in (
        ("MiB/s", "MiB/s", "higher", must),
        ("cpu", "s/GiB", "lower", None),
        ("MiB", "MiB", "lower", None),
    ):
        told = {"MiB/s": what, "cpu": f"{what}: processor time", "MiB": f"{what}: peak memory"}[name]
        yield Row(
            case="bytes",
            what=told,
            unit=unit,
            better="higher" if better == "higher" else "lower",
            ours=ours[name],
            peer=peer,
            theirs=theirs[name],
            target=target,
        )


def _limited(what: str, unit: str, ours: float, most: float) -> Row:
    return Row(case="bytes", what=what, unit=unit, better="lower", ours=ours, peer=LIMIT, theirs=most, target=1.0)


def _ours(track: _Track, streams: int) -> Figures:
    settings = {
        "login": {name: str(part) if isinstance(part, Path) else part for name, part in asdict(track.login).items()},
        "zfs": ("sh", "-c", f"exec {shlex.join(track.words)}"),
        "sink": _SINK,
        "streams": streams,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.puller", json.dumps(settings)], check=True, capture_output=True, text=True
    )
    costs: dict[str, float] = json.loads(done.stdout)
    if costs["bytes"] != streams * track.bytes:
        raise RuntimeError(f"{costs['bytes']} bytes arrived instead of {streams * track.bytes}")
    return {
        "MiB/s": costs["bytes"] / costs["seconds"] / _MIB,
        "cpu": costs["cpu_seconds"] / costs["bytes"] * _GIB,
        "MiB": costs["peak_bytes"] / _MIB,
        "delay": costs["delay_seconds"],
    }


def _openssh(track: _Track, streams: int, behind: str) -> Figures:
    login = track.login
    options = {
        "UserKnownHostsFile": str(login.known_hosts),
        "IdentityFile": str(login.key),
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    ssh = ["ssh", "-F", "none", "-c", _CIPHER, "-p", str(login.port), "-l", login.user]
    ssh += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    pipeline = f"{shlex.join([*ssh, login.address, *track.words])} | {behind} >/dev/null"
    script = " & ".join([f"({pipeline})"] * streams) + " & wait"
    started = time.monotonic()
    # A process between, so that only these children count.
    done = subprocess.run([sys.executable, "-c", _CHILDREN, script], check=True, capture_output=True, text=True)
    seconds = time.monotonic() - started
    cpu_seconds, peak_kib = map(float, done.stdout.split())
    size = streams * track.bytes
    return {
        "MiB/s": size / seconds / _MIB,
        "cpu": cpu_seconds / size * _GIB,
        "MiB": streams * peak_kib / 1024,
    }


def _versions() -> dict[str, str]:
    said = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr
    found = {
        "asyncssh": version("asyncssh"),
        "cryptography": version("cryptography"),
        "OpenSSH": said.split(",")[0].removeprefix("OpenSSH_"),
    }
    if shutil.which("mbuffer"):
        told = subprocess.run(["mbuffer", "-V"], check=False, capture_output=True, text=True)
        found["mbuffer"] = (told.stdout + told.stderr).split("version ")[1].split()[0]
    return found
