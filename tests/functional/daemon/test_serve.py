"""The real daemon as a process of its own: real files, real signals, a real notify socket. Only its host is made up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import urllib.error
import urllib.request

import asyncssh
import pytest

from zfspull.daemon import serve as daemon_serve
from zfspull.daemon.client import Client
from zfspull.daemon.lock import LockedError
from zfspull.daemon.paths import Paths
from zfspull.daemon.serve import run_daemon, serve
from zfspull.errors import ConfigError
from zfspull.observe.logs import configure


MAIN = """
import sys
from zfspull.daemon.serve import run_daemon
from zfspull.observe.logs import configure
configure(json=False, debug=False)
sys.exit(run_daemon())
"""

CONFIG = """
hosts:
  gw: {{address: 127.0.0.1, port: {port}, key: {directory}/key, known_hosts: {directory}/known_hosts}}
target: {{zfs: {directory}/zfs}}
http: {{listen: "127.0.0.1:{http}"}}
"""
EMPTY_POOL = """#!/bin/sh
echo "cannot open 'backup/home': dataset does not exist" >&2
exit 1
"""
JOB = "source: gw:tank/{name}\ntarget: backup/{name}\nschedule: '@yearly'\n"


class Systemd:
    """The service manager's end: the notify socket, and the environment that it gives a service."""

    def __init__(self, directory):
        self.directory = directory
        self.receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.receiver.bind(str(directory / "notify"))
        self.receiver.setblocking(False)
        self.environment = {
            "NOTIFY_SOCKET": str(directory / "notify"),
            "CONFIGURATION_DIRECTORY": str(directory / "etc"),
            "STATE_DIRECTORY": str(directory / "state"),
            "RUNTIME_DIRECTORY": str(directory / "run"),
            "WATCHDOG_USEC": "4000000",
        }

    async def hears(self, line):
        """Wait for a datagram with `line` in it, and return it."""
        heard = []
        try:
            async with asyncio.timeout(20):
                while True:
                    heard.append((await asyncio.get_running_loop().sock_recv(self.receiver, 65536)).decode())
                    lines = heard[-1].split("\n")
                    if line in lines:
                        return lines
        except TimeoutError:
            pytest.fail(f"never heard {line!r} but {heard}")


@pytest.fixture
def systemd(tmp_path):
    one = Systemd(tmp_path)
    yield one
    one.receiver.close()


@pytest.fixture
async def silent_host():
    """A host that accepts connections and never says a word; its port."""
    writers = []
    server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()
    server.close()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def configured(tmp_path, silent_host, free_port):
    """A configuration of one job from the silent host; returns where HTTP is served."""
    jobs = tmp_path / "etc" / "jobs.d"
    jobs.mkdir(parents=True)
    (tmp_path / "zfs").write_text(EMPTY_POOL)
    (tmp_path / "zfs").chmod(0o755)
    (tmp_path / "known_hosts").write_text("")
    (tmp_path / "key").write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    (tmp_path / "key").chmod(0o600)
    text = CONFIG.format(port=silent_host, directory=tmp_path, http=free_port)
    (tmp_path / "etc" / "zfspull.yaml").write_text(text)
    (jobs / "home.yaml").write_text(JOB.format(name="home"))
    return f"http://127.0.0.1:{free_port}"


@contextlib.asynccontextmanager
async def daemon(systemd):
    """The daemon's process; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, env={**os.environ, **systemd.environment}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def get(url):
    def fetch():
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback address
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


@pytest.mark.slow
async def test_a_life_of_the_daemon(systemd, configured, tmp_path):
    """READY, signs of life, a bad and a good SIGHUP, metrics, and SIGTERM in a run at a host that hangs: exit 0."""
    client = Client(tmp_path / "run" / "control.sock")
    async with daemon(systemd) as process:
        await systemd.hears("READY=1")
        assert (await client.ping())["pid"] == process.pid
        # The job has never run, so its run is made up for; its host says nothing.
        await systemd.hears(next_status("1 running, 0 idle", await client.status()))
        await systemd.hears("WATCHDOG=1")

        job = tmp_path / "etc" / "jobs.d" / "mail.yaml"
        job.write_text(JOB.format(name="mail") + "keep: {fortnightly: 3}\n")
        process.send_signal(signal.SIGHUP)
        await systemd.hears("RELOADING=1")
        assert "rejected" in (await systemd.hears("READY=1"))[1]
        status = await client.status()
        assert set(status["jobs"]) == {"home"}
        assert "fortnightly" in status["config"]["message"]
        assert (await get(f"{configured}/healthz"))[0] == 503

        job.write_text(JOB.format(name="mail").replace("'@yearly'", "manual"))
        process.send_signal(signal.SIGHUP)
        await systemd.hears("RELOADING=1")
        await systemd.hears("READY=1")
        assert set((await client.status())["jobs"]) == {"home", "mail"}
        assert (await get(f"{configured}/healthz"))[0] == 200
        code, metrics = await get(f"{configured}/metrics")
        assert code == 200
        assert "zfspull_config_last_reload_successful 1.0" in metrics
        assert "zfspull_runs_running 1.0" in metrics
        assert resident_mebibytes(process.pid) < 120

        process.terminate()
        await systemd.hears("STOPPING=1")
        async with asyncio.timeout(20):
            _, log = await process.communicate()
        assert process.returncode == 0, log.decode()
        assert "Traceback" not in log.decode()
        assert not (tmp_path / "run" / "control.sock").exists()


def next_status(line, status):
    """The STATUS= line, given when the yearly job runs next."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(status["jobs"]["home"]["next_run_at"], UTC)
    return f"STATUS={line}, next home at {at:%H:%MZ}"


def resident_mebibytes(pid):
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - a kernel file
        (line,) = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.slow
async def test_a_killed_daemon_starts_again(systemd, configured, tmp_path):
    """P5: after kill -9 neither lock nor socket is in the way of the next start."""
    for _ in range(2):
        async with daemon(systemd) as process:
            await systemd.hears("READY=1")
            await Client(tmp_path / "run" / "control.sock").ping()
            process.kill()


async def test_a_second_daemon_refuses_to_start(systemd, configured):
    """One daemon per state directory; the second one names the first and touches nothing."""
    async with daemon(systemd):
        await systemd.hears("READY=1")
        with pytest.raises(LockedError, match="role of the daemon is taken by process"):
            await serve(paths=Paths.from_environment(systemd.environment), environment={})
        await Client(systemd.directory / "run" / "control.sock").ping()


async def test_a_bad_configuration_at_start_is_an_error(systemd, configured, tmp_path):
    """P8: with a mistake in a file the daemon does not start, and the error names the place."""
    (tmp_path / "etc" / "jobs.d" / "home.yaml").write_text("source: nowhere\n")

    with pytest.raises(ConfigError, match=r"home\.yaml:1:"):
        await serve(paths=Paths.from_environment(systemd.environment), environment={})
    assert not (tmp_path / "run").exists()


async def test_what_python_raises_to_nobody_is_a_line_of_the_log(monkeypatch, capsys):
    """Nothing of the daemon's log is a traceback of many lines, not even what no code could catch."""

    class Fragile:
        def __del__(self):
            raise LookupError("nobody")

    async def fail(*_args, **_options):
        Fragile()
        return 0

    configure(json=False, debug=False)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # to have it back
    monkeypatch.setattr(daemon_serve, "serve", fail)
    assert await asyncio.to_thread(run_daemon) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "exception.ignored" in line
    assert "LookupError: nobody" in line
