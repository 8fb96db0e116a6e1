"""Commands and files in a machine, over one multiplexed OpenSSH connection: a log-in costs more than most commands."""

import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.children import end, spawn
from tests.lab.host import LabError
from tests.lab.image import Image
from tests.lab.ports import free_port


@dataclass(frozen=True)
class Result:
    """How a command ended.

    Attributes:
        stdout: What it printed; bytes that are not UTF-8 are kept as surrogates.
        stderr: What it complained about.
        status: Its exit status; 255 also when the connection broke.
    """

    stdout: str
    stderr: str
    status: int


class CommandError(LabError):
    """A command in a machine failed.

    Attributes:
        result: How it ended.
    """

    result: Result

    def __init__(self, machine: str, command: str, result: Result) -> None:
        super().__init__(
            f"on {machine}: {command}\nstatus {result.status}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
        )
        self.result = result


class Ssh:
    """The way into one machine, for as many boots as it has.

    Args:
        directory: The lab's run directory, where the configuration and the connection's socket go.
        name: The machine's name, which is also ssh's name for it.
        port: The port of 127.0.0.1 that leads to its sshd.
        image: Whose key it trusts.
    """

    def __init__(self, directory: Path, name: str, port: int, image: Image) -> None:
        self._directory = directory
        self._name = name
        self._master: subprocess.Popen[bytes] | None = None
        self._forwards: dict[int, int] = {}
        self.known_hosts_line = f"[127.0.0.1]:{port} {image.host_key}"
        self.known_hosts_path = directory / f"{name}.known_hosts"
        self.known_hosts_path.write_text(self.known_hosts_line + "\n")
        self.config_path = directory / f"{name}.ssh"
        self._control = directory / f"{name}.ctl"
        self.config_path.write_text(
            f"""\
Host {name}
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {image.private_key}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {self.known_hosts_path}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ControlPath {self._control}
  # Generous: the first log-in after a restore translates all of sshd, and a client that gave up would start it afresh.
  ConnectTimeout 120
  LogLevel ERROR
"""
        )

    @property
    def command(self) -> list[str]:
        """``ssh`` with all it needs to reach the machine; append a command line for the guest's shell."""
        return ["ssh", "-F", str(self.config_path), "-T", self._name]

    def connect(self, *, timeout_seconds: float) -> None:
        """Log in, and keep the connection for all that follows.

        Raises:
            LabError: The machine let nobody in before the time was up.
        """
        self.disconnect()
        deadline = time.monotonic() + timeout_seconds
        log_file = self._directory / f"{self._name}.ssh.log"
        while True:
            self._control.unlink(missing_ok=True)
            # A child of ours rather than ControlPersist, whose process would outlive a killed test run.
            self._master = spawn([*self.command[:-1], "-M", "-N", self._name], log_file=log_file)
            while self._master.poll() is None:
                if self._control.exists():
                    for guest_port, host_port in self._forwards.items():
                        self._forward(host_port, guest_port)
                    return
                if time.monotonic() > deadline:
                    end(self._master)
                    raise LabError(f"no ssh to {self._name} in {timeout_seconds:.0f} s: {_tail(log_file)}")
                time.sleep(0.02)
            if time.monotonic() > deadline:
                raise LabError(f"no ssh to {self._name} in {timeout_seconds:.0f} s: {_tail(log_file)}")
            time.sleep(0.2)

    def disconnect(self) -> None:
        """Drop the connection, if there is one."""
        if self._master is not None:
            end(self._master)
            self._master = None
        self._control.unlink(missing_ok=True)

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        timeout_seconds: float | None = 300.0,
        input: str | bytes | None = None,  # noqa: A002 - as subprocess calls it
    ) -> Result:
        """Run a command as root and wait for its end.

        Args:
            command: A line for the guest's shell, or an argument vector, which is quoted for it.
            check: Whether a status other than 0 raises.
            timeout_seconds: After which the command is given up.
            input: Its standard input; /dev/null when none is given.

        Raises:
            CommandError: It failed, and ``check`` is set.
            LabError: It took longer than ``timeout_seconds``.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        data = input.encode() if isinstance(input, str) else (input or b"")
        try:
            done = subprocess.run(
                [*self.command, line], input=data, capture_output=True, timeout=timeout_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(
                f"on {self._name}: {line}\n"
                f"still running after {timeout_seconds} s (or a process it left behind keeps its output open)"
            ) from error
        result = Result(_text(done.stdout), _text(done.stderr), done.returncode)
        if check and result.status != 0:
            raise CommandError(self._name, line, result)
        return result

    def put(self, source: Path, destination: str) -> None:
        """Copy a file, with its mode, or a directory with all in it, to ``destination`` (its full path in the guest)."""
        target = shlex.quote(destination)
        if source.is_dir():
            self._pipe(
                ["tar", "--create", "--owner=0", "--group=0", f"--directory={source}", "."],
                [*self.command, f"mkdir -p {target} && tar --extract --directory={target}"],
            )
        else:
            mode = f"{source.stat().st_mode & 0o7777:o}"
            self._pipe(["cat", str(source)], [*self.command, f"cat >{target} && chmod {mode} {target}"])

    def get(self, source: str, destination: Path) -> None:
        """Copy a file from the guest to ``destination`` on the host."""
        with destination.open("wb") as output:
            done = subprocess.run(
                [*self.command, f"cat {shlex.quote(source)}"], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            destination.unlink()
            raise CommandError(self._name, f"cat {source}", Result("", _text(done.stderr), done.returncode))

    def forward(self, guest_port: int) -> int:
        """A port of 127.0.0.1 that leads to the guest's own 127.0.0.1:``guest_port``, over later connections too."""
        if guest_port not in self._forwards:
            host_port = free_port()
            self._forward(host_port, guest_port)
            self._forwards[guest_port] = host_port
        return self._forwards[guest_port]

    def _forward(self, host_port: int, guest_port: int) -> None:
        option = f"127.0.0.1:{host_port}:127.0.0.1:{guest_port}"
        done = subprocess.run(
            [*self.command[:-1], "-O", "forward", "-L", option, self._name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise LabError(f"cannot forward {option} to {self._name}: {done.stderr}")

    def _pipe(self, producer: list[str], consumer: list[str]) -> None:
        with subprocess.Popen(
            producer, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as source:
            done = subprocess.run(consumer, stdin=source.stdout, capture_output=True, check=False)
            assert source.stdout is not None
            assert source.stderr is not None
            source.stdout.close()  # a producer that is still writing to a consumer that failed must not wait for ever
            complaint = _text(source.stderr.read())
        if done.returncode != 0 or source.returncode != 0:
            raise CommandError(self._name, consumer[-1], Result("", complaint + _text(done.stderr), done.returncode))


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-500:]
