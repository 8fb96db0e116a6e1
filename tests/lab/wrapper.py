"""Executables of the host that run a command in a machine, so that code on the host can work on the machine's pools."""

import shlex
from collections.abc import Sequence
from pathlib import Path


# Quotes each argument for the guest's shell. The x keeps trailing newlines, which $(...) would strip.
_SCRIPT = """\
#!/bin/sh
line=
for argument in "$@"; do
  case $argument in
    '' | *[!A-Za-z0-9_@%+=:,./-]*)
      quoted=$(printf '%sx' "$argument" | sed "s/'/'\\\\\\\\''/g")
      line="$line '${{quoted%x}}'" ;;
    *) line="$line $argument" ;;
  esac
done
exec {ssh} "LC_ALL=C exec {command}$line"
"""


def write_wrapper(directory: Path, ssh: Sequence[str], command: str) -> Path:
    """Write the executable ``directory/command``.

    Args:
        directory: Where; made if it does not exist.
        ssh: The argument vector that runs the line appended to it in the machine.
        command: What to run there, such as ``zfs``.
    """
    directory.mkdir(exist_ok=True)
    path = directory / command
    path.write_text(_SCRIPT.format(ssh=shlex.join(ssh), command=command))
    path.chmod(0o755)
    return path
