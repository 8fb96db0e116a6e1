"""What systemd knows of the daemon's unit."""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path

from zfspull.errors import ZfspullError
from zfspull.hosts.process import run


UNIT = "zfspull.service"
USER = "zfspull"
"""Who the packages' unit runs the daemon as."""

_SECONDS = 20.0


async def unit_properties(*names: str) -> dict[str, str]:
    """Properties of the unit by name; empty where there is no systemd, or no unit."""
    if (systemctl := shutil.which("systemctl")) is None:
        return {}
    words = [word for name in ("LoadState", *names) for word in ("--property", name)]
    try:
        completed = await run([systemctl, "show", *words, UNIT], timeout_seconds=_SECONDS)
    except ZfspullError:
        return {}
    found = dict(line.split("=", 1) for line in completed.stdout.splitlines() if "=" in line)
    return found if completed.ok and found.get("LoadState") == "loaded" else {}


async def hands_over(key: Path) -> bool:
    """Whether systemd hands this key to the daemon as it starts; then the file is root's alone."""
    handed = (await unit_properties("LoadCredential")).get("LoadCredential", "")
    return str(key.parent) in (word.partition(":")[2] for word in handed.split())


async def daemon_user() -> str:
    """Who the daemon runs as here: as the unit says, else the packages' user if there is one, else root."""
    if unit := await unit_properties("User"):
        return unit.get("User") or "root"
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError:
        return "root"
