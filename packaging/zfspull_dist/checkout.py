"""The checkout that is built: where its files are, its version, and its date."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from zfspull import __version__ as VERSION  # noqa: N812 - a constant here


__all__ = ["ROOT", "VERSION", "source_date_epoch"]

ROOT = Path(__file__).resolve().parents[2]


def source_date_epoch() -> int:
    """The one date that everything built bears, in seconds since the epoch.

    `$SOURCE_DATE_EPOCH`, else that of the last commit; outside of git (an unpacked sdist) that of pyproject.toml,
    which the sdist has set to the same.
    """
    if chosen := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(chosen)
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    )
    if asked.returncode == 0 and (ROOT / ".git").exists():
        return int(asked.stdout)
    return int((ROOT / "pyproject.toml").stat().st_mtime)
