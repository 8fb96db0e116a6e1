"""The gate as sshd would start it, with commands of its own that only write down that they were run.

The gate trusts no PATH but the one that stands in it, so a copy of it gets the path of a directory where `zfs`, `date`
and whatever else a shell could be talked into running are the same recording script.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


GATE = Path(__file__).parents[3] / "packaging/source/zfspull-gate"
SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "sh"],
    "mksh": ["mksh"],
    "yash": ["yash", "--posixly-correct"],
}
FOUND = {name: [path, *words[1:]] for name, words in SHELLS.items() if (path := shutil.which(words[0])) is not None}
TRAPS = (
    "sudo",
    "sh",
    "bash",
    "dash",
    "rm",
    "touch",
    "cat",
    "id",
    "reboot",
    "ls",
    "ssh",
    "scp",
    "zpool",
    "date",
    "sleep",
)

_RECORDER = """\
#!/bin/sh
printf '%s\\0' "$(($# + 1))" "${{0##*/}}" "$@" >>{log}
case "${{0##*/}} $*" in
*"zfs send -n -P -w -t "*) cat {answers}/token; cat {answers}/token-stderr >&2; exit "$(cat {answers}/token-status)" ;;
*"zfs get "*) cat {answers}/encryption ;;
"zfs $(cat {answers}/failing) "*) cat {answers}/failing-stderr >&2; exit "$(cat {answers}/failing-status)" ;;
esac
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one command line.

    Attributes:
        status: the gate's, or that of what it became.
        said: what it said, the output of what was run included.
        ran: the words of each command that was run, in order.
    """

    status: int
    said: str
    ran: list[list[str]]


class Gate:
    """The gate with a world of its own below `directory`, run by one shell."""

    def __init__(self, directory: Path, shell: str) -> None:
        self._shell = FOUND[shell]
        self.home = directory / "home"
        self._log = directory / "log"
        self._answers = directory / "answers"
        self._bin = directory / "bin"
        self._copy = directory / "zfspull-gate"
        for made in (self.home, self._answers, self._bin):
            made.mkdir()
        recorder = _RECORDER.format(log=self._log, answers=self._answers)
        recorder = recorder.replace("cat ", f"{shutil.which('cat')} ")
        for name in ("zfs", *TRAPS):
            (self._bin / name).write_text(recorder)
            (self._bin / name).chmod(0o755)
        for real in ("env", "printf"):  # printf is no builtin everywhere
            (self._bin / real).symlink_to(shutil.which(real))
        text, count = re.subn(r"^PATH=.*$", f"PATH={self._bin}", GATE.read_text(), flags=re.MULTILINE)
        assert count == 1
        self._copy.write_text(text)
        self.answer()
        self.fail("nothing")

    def answer(self, token: str = "", *, stderr: str = "", status: int = 0, encryption: str = "off") -> None:
        """What zfs says from now on of a resume token, and of a dataset's encryption."""
        (self._answers / "token").write_text(token)
        (self._answers / "token-stderr").write_text(stderr)
        (self._answers / "token-status").write_text(str(status))
        (self._answers / "encryption").write_text(encryption + "\n")

    def fail(self, verb: str, stderr: str = "", status: int = 1) -> None:
        """Let one verb of zfs fail from now on."""
        (self._answers / "failing").write_text(verb)
        (self._answers / "failing-stderr").write_text(stderr)
        (self._answers / "failing-status").write_text(str(status))

    def with_logger(self) -> None:
        """Let there be a syslog."""
        shutil.copy(self._bin / "zfs", self._bin / "logger")

    def start(self, *words: str, environment: dict[str, str] | dict[bytes, bytes] | None = None) -> Outcome:
        """Start it as it is."""
        self._log.write_bytes(b"")
        ended = subprocess.run(
            [*self._shell, self._copy, *words],
            cwd=self.home,
            env=environment or {},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        said = (ended.stdout + ended.stderr).decode(errors="surrogateescape")
        return Outcome(ended.returncode, said, list(_commands(self._log.read_bytes())))

    def run(self, line: str | bytes, *words: str) -> Outcome:
        """Let a client ask for `line`; `words` stand after the gate in authorized_keys."""
        command = line.encode(errors="surrogateescape") if isinstance(line, str) else line
        environment = {
            b"SSH_ORIGINAL_COMMAND": command,
            b"SSH_CLIENT": b"10.77.0.2 50022 22",
            b"IFS": b"z",
            b"PATH": b"/bin",
        }
        return self.start(*words, environment=environment)


def _commands(log: bytes):
    """The words of each command, from a log that has their count before them."""
    words = [word.decode(errors="surrogateescape") for word in log.split(b"\0")[:-1]]
    at = 0
    while at < len(words):
        count = int(words[at])
        yield words[at + 1 : at + 1 + count]
        at += 1 + count
