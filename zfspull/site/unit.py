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
    words = [word for name in ("LoadState", *names) for word in ("--property", name)]
    found = dict(line.split("=", 1) for line in (await _systemctl("show", *words)).splitlines() if "=" in line)
    return found if found.get("LoadState") == "loaded" else {}


async def hands_over(key: Path) -> bool:
    """Whether systemd hands this key to the daemon as it starts; then the file is root's alone.

    It is read in the unit's own text: `systemctl show` calls this property unprintable (systemd 252 to 257).
    """
    handed: list[str] = []
    for line in (await _systemctl("cat")).splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "LoadCredential":
            handed = [*handed, value.strip().partition(":")[2]] if value.strip() else []  # nothing: forget those before
    return str(key.parent) in handed


async def _systemctl(verb: str, *words: str) -> str:
    """What it prints of the unit; nothing where there is no systemd, or no unit."""
    if (systemctl := shutil.which("systemctl")) is None:
        return ""
    try:
        completed = await run([systemctl, verb, *words, UNIT], timeout_seconds=_SECONDS)
    except ZfspullError:
        return ""
    return completed.stdout if completed.ok else ""


async def daemon_user() -> str:
    """Who the daemon runs as here: as the unit says, else the packages' user if there is one, else root."""
    if unit := await unit_properties("User"):
        return unit.get("User") or "root"
    try:
        return pwd.getpwnam(USER).pw_name
    except KeyError:
        return "root"
