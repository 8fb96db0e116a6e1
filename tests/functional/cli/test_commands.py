"""The command line as people start it: a process of its own, its exit code and what it says."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncssh
import pytest

from zfspull.daemon.lock import job_lock


REPOSITORY = Path(__file__).resolve().parents[3]
HEAVY = ("asyncssh", "pydantic", "aiohttp", "rich", "apscheduler", "structlog", "ruamel.yaml", "asyncio", "sqlite3")


EMPTY_POOL = """#!/bin/sh
echo "cannot open '$5': dataset does not exist" >&2
exit 1
"""


class Machine:
    """Directories as systemd would give them, and the command run with them."""

    def __init__(self, root):
        self.root = root
        self.config = root / "etc" / "zfspull.yaml"
        (root / "etc" / "jobs.d").mkdir(parents=True)
        self.environment = {
            **os.environ,
            "CONFIGURATION_DIRECTORY": str(root / "etc"),
            "STATE_DIRECTORY": str(root / "state"),
            "RUNTIME_DIRECTORY": str(root / "run"),
        }
        (root / "run").mkdir()
        self.zfs = root / "zfs"
        self.zfs.write_text(EMPTY_POOL)
        self.zfs.chmod(0o755)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(root / "key")

    def write(self, port, **jobs):
        known_hosts = self.root / "known_hosts"
        known_hosts.write_text("")
        self.config.write_text(
            f"hosts: {{gw: {{address: 127.0.0.1, port: {port}, key: {self.root}/key, known_hosts: {known_hosts}}}}}\n"
            f"target: {{zfs: {self.zfs}}}\n"
            "http: null\n"
            "defaults: {schedule: manual, retry: {attempts: 1}}\n"
        )
        for name, text in jobs.items():
            (self.root / "etc" / "jobs.d" / f"{name}.yaml").write_text(text)

    def start(self, *argv):
        return subprocess.Popen(
            [sys.executable, "-m", "zfspull", *map(str, argv)],
            env=self.environment,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv):
        """Exit code, standard output, standard error."""
        with self.start(*argv) as process:
            out, err = process.communicate(timeout=50)
            return process.returncode, out, err


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def closed_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


HOME = "source: gw:tank/home\ntarget: backup/home\n"


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_version_and_the_help_answer_at_once(option):
    """Neither loads a library that the answer does not need."""
    code = (
        "import sys\nfrom zfspull.cli.main import main\n"
        f"code = main([{option!r}])\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_pull_without_a_daemon_loads_no_log_that_it_does_not_write(machine, closed_port):
    """A command waits neither for structlog nor for rich, whose imports take as long as all of its own, without need."""
    machine.write(closed_port, home="source: gw:tank\ntarget: tank/backup\n")
    code = (
        "import sys\nfrom zfspull.cli.main import main\n"
        "main(['pull', 'home'])\n"
        "print([name for name in ('structlog', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=machine.environment
    )

    *said, loaded = done.stdout.splitlines()
    assert "Connect call failed" in "".join(said)
    assert (loaded, done.stderr) == ("[]", "")


def test_the_sample_configuration_is_right(machine):
    """`check-config` on the shipped sample exits with 0 and says what it found."""
    code, out, err = machine.run("check-config", "--config", REPOSITORY / "config" / "zfspull.yaml")

    assert (code, err) == (0, "")
    assert re.search(r"zfspull\.yaml: all right: \d+ jobs, 2 hosts", out)


def test_every_mistake_is_a_line_for_the_editor(machine):
    """`check-config` exits with 78 and has a line `file:line:column: key: message` for each mistake."""
    config = REPOSITORY / "config" / "invalid" / "keys" / "zfspull.yaml"

    code, out, err = machine.run("check-config", "--config", config)
    json_code, json_out, _ = machine.run("check-config", "--json", "--config", config)

    *lines, summary, hint = err.splitlines()
    assert (code, out) == (78, "")
    assert summary == f"zfspull: {len(lines)} mistakes in the configuration"
    assert hint.startswith("  hint: ")
    assert [line for line in lines if not re.match(r"/.+\.yaml:\d+:\d+: \S+: .+", line)] == []
    assert json_code == 78
    assert len(json.loads(json_out)["problems"]) == len(lines)


POOL_WITH_THREE = """#!/bin/sh
[ "$1" = list ] || exit 1
case "$*" in
  *filesystem,volume*) printf 'backup/home\\tfilesystem\\t1\\t-\\t-\\t-\\t0\\tno\\ton\\t-\\t9\\t0\\t9\\n' ;;
  *) for n in 1 2 3; do printf "backup/home@s$n\\tsnapshot\\t1$n\\t$n\\t170000000$n\\t-\\t0\\t-\\n"; done ;;
esac
"""


def test_an_edit_that_would_destroy_too_much_is_found_online(machine, closed_port):
    """`check-config --online` counts on the target what the next prune would destroy, and exits with 78 if too much."""
    machine.write(closed_port, home=HOME + "keep: {last: 1}\nmax_destroy: 1\n")
    machine.zfs.write_text(POOL_WITH_THREE)

    offline = machine.run("check-config")
    code, _, err = machine.run("check-config", "--online")
    json_code, out, _ = machine.run("check-config", "--online", "--json")

    assert offline[0] == 0
    assert (code, json_code) == (78, 78)
    assert "home.yaml:3:1: keep: the next prune of job home would destroy 2 of 3 snapshots of backup/home" in err
    assert "--confirm=home" in err
    assert [problem["key"] for problem in json.loads(out)["problems"]] == ["keep"]


def test_a_target_that_can_not_be_listed_is_told_online(machine, closed_port):
    """What could not be looked at is no mistake, and not passed over in silence."""
    machine.write(closed_port, home=HOME + "keep: {last: 1}\n")
    machine.zfs.write_text("#!/bin/sh\necho 'cannot open: pool I/O is currently suspended' >&2; exit 1\n")

    code, out, err = machine.run("check-config", "--online")

    assert code == 0
    assert "all right: 1 job" in out
    assert "home: not looked at: " in err
    assert "suspended" in err


def test_a_missing_configuration_is_a_mistake_in_the_configuration(machine):
    """Without any file the exit code is 78, so that systemd does not restart for ever, and no traceback is shown."""
    code, _, err = machine.run("daemon")

    assert code == 78
    assert "there is no such file" in err
    assert "Traceback" not in err


def test_the_merged_configuration_and_the_schemas_are_json(machine, closed_port):
    """`config show` and `config schema` can be piped into a program."""
    machine.write(closed_port, home=HOME)

    shown = json.loads(machine.run("config", "show")[1])
    main = json.loads(machine.run("config", "schema", "--main")[1])
    job = json.loads(machine.run("config", "schema", "--job")[1])

    assert shown["jobs"]["home"]["source"] == "gw:tank/home"
    assert shown["hosts"]["gw"]["port"] == closed_port
    assert "hosts" in main["properties"]
    assert job["required"] == ["source", "target"]


def test_without_a_daemon_status_says_what_to_do(machine):
    """Exit code 69 and a hint, for status and for reload."""
    for command in ("status", "reload"):
        code, out, err = machine.run(command)

        assert (code, out) == (69, "")
        assert "does not answer" in err
        assert "systemctl" in err


def test_an_unknown_job_is_told_with_the_jobs_there_are(machine, closed_port):
    """A misspelt job exits with 2, suggests the right one, and touches nothing."""
    machine.write(closed_port, home=HOME)

    code, _, err = machine.run("pull", "hoem")

    assert (code, err) == (2, "zfspull: there is no job 'hoem'\n  hint: did you mean 'home'? jobs: home\n")


def test_a_pull_without_a_daemon_is_done_here(machine, closed_port):
    """The run is followed in plain lines or in JSON, and a host out of reach fails it."""
    machine.write(closed_port, home=HOME)

    code, out, err = machine.run("pull", "home")
    json_code, json_out, _ = machine.run("pull", "home", "--json")

    assert (code, json_code) == (1, 1)
    assert out.splitlines()[0] == "home: pulling from gw"
    assert "home: failed" in out
    assert "Traceback" not in err
    records = [json.loads(line) for line in json_out.splitlines()]
    assert [records[0]["type"], records[-1]["type"]] == ["RunStarted", "RunFinished"]
    assert records[-1]["outcome"] == "failed"


def test_a_plan_of_a_host_out_of_reach_says_try_later(machine, closed_port):
    """Exit code 75 with the reason; as JSON the error stands in the place of the plan."""
    machine.write(closed_port, home=HOME)

    code, out, err = machine.run("plan", "home")
    json_code, json_out, _ = machine.run("plan", "home", "--json")

    assert (code, json_code, out) == (75, 75, "")
    assert re.search(r"^zfspull: .*gw", err, re.MULTILINE)
    assert json.loads(json_out)["jobs"][0]["error"]["kind"] == "transient"


def test_a_prune_whose_source_is_out_of_reach_says_try_later(machine, closed_port):
    """P6: exit code 75 with the reason, for nothing was destroyed; as JSON it stands with what the target has."""
    machine.write(closed_port, home=HOME)

    code, out, err = machine.run("prune", "home")
    json_code, json_out, _ = machine.run("prune", "home", "--json")

    assert (code, json_code, out) == (75, 75, "")
    assert re.search(r"^zfspull: the source could not be asked.*cannot connect.*job=home", err, re.MULTILINE)
    assert json.loads(json_out)["unreachable"]["kind"] == "transient"


def test_retention_is_simulated_in_good_time(machine, closed_port):
    """Two years of a snapshot every quarter of an hour are judged without asking any machine."""
    machine.write(closed_port, home=HOME + "keep: {last: 3, hourly: 48, daily: 30, weekly: 8, monthly: 12}\n")
    machine.zfs.unlink()

    code, out, err = machine.run("retention", "home", "--simulate", "every 15m for 2y", "--json")

    assert (code, err) == (0, "")
    (dataset,) = json.loads(out)["datasets"]
    assert dataset["totals"]["snapshots"] == 70_080
    assert dataset["totals"]["kept"] == sum(one["goes"] == "at" for one in dataset["snapshots"])


def test_retention_of_a_host_out_of_reach_is_shown_all_the_same(machine, closed_port):
    """The target is listed here; that the source can't be asked is said, and the exit code is 0."""
    machine.write(closed_port, home=HOME)

    code, out, _ = machine.run("retention", "home")
    json_code, json_out, _ = machine.run("retention", "home", "--json")

    assert (code, json_code) == (0, 0)
    assert "the source could not be asked" in out
    assert json.loads(json_out)["unreachable"]["kind"] == "transient"
    assert machine.run("retention", "home", "--at", "2027-01-01")[0] == 0


@pytest.mark.parametrize("words", [("hoem",), ("home", "--at", "soon"), ("home", "--simulate", "often")])
def test_a_mistake_in_the_words_of_retention_is_told(machine, closed_port, words):
    """A job, a time or a simulation that can't be meant exits with 2 and a hint."""
    machine.write(closed_port, home=HOME)

    code, out, err = machine.run("retention", *words)

    assert (code, out) == (2, "")
    assert "  hint: " in err


def test_a_target_under_work_is_left_alone(machine, closed_port):
    """While another process works on the target, a pull exits with 75 and names that process."""
    machine.write(closed_port, home=HOME)

    with job_lock(machine.root / "state" / "locks", "backup/home"):
        code, _, err = machine.run("pull", "home")

    assert code == 75
    assert str(os.getpid()) in err


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_pull_at_once_and_cleanly(machine, silent_port, number, expected):
    """Ctrl-C in a pull from a host that hangs: the last line says what became of it, no traceback, the right code."""
    machine.write(silent_port, home=HOME)
    with machine.start("pull", "home") as process:
        first = process.stdout.readline()
        time.sleep(0.5)
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert first == "home: pulling from gw\n"
    assert process.returncode == expected
    assert time.monotonic() - begun < 10
    assert "home: stopped" in out
    assert "Traceback" not in err


def test_a_closed_pipe_is_no_error(machine, closed_port):
    """`zfspull ... | head` ends quietly."""
    machine.write(closed_port, home=HOME)
    with machine.start("config", "show") as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)

    assert (process.returncode, err) == (141, "")


@pytest.mark.slow
def test_with_a_daemon_it_does_the_work(machine, closed_port):
    """Status, pull, prune and reload are done by the running daemon; SIGTERM ends it with 0."""
    machine.write(closed_port, home=HOME)
    with machine.start("daemon") as daemon:
        try:
            deadline = time.monotonic() + 30
            while machine.run("status", "--json")[0] and time.monotonic() < deadline:
                time.sleep(0.2)
            status = json.loads(machine.run("status", "--json")[1])
            assert status["jobs"]["home"]["state"] == "never"

            code, out, _ = machine.run("pull", "home")
            assert code == 1
            assert "home: failed" in out
            assert (
                json.loads(machine.run("status", "home", "--json")[1])["jobs"]["home"]["last_run"]["outcome"]
                == "failed"
            )
            code, out, _ = machine.run("status")
            assert code == 0
            assert "What is wrong" in out
            assert machine.run("pull", "hoem")[0] == 2
            code, out, err = machine.run("prune", "home", "--dry-run")
            assert (code, out) == (75, "")
            assert "the source could not be asked" in err

            machine.write(closed_port, home=HOME, vm=HOME.replace("home", "vm"))
            code, _, err = machine.run("status", "vm")
            assert (code, err.splitlines()[-1]) == (2, "  hint: its file is there: zfspull reload")
            assert machine.run("reload") == (0, "reloaded: 2 jobs\n", "")
            machine.write(closed_port, vm="source: gw:tank/vm\n")
            code, _, err = machine.run("reload")
            assert code == 78
            assert "vm.yaml:" in err
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=30)
    assert daemon.returncode == 0
