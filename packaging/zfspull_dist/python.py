"""Wheel and sdist, made by the backend that pyproject.toml names; it sorts files and dates them all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zfspull_dist.checkout import ROOT, VERSION


def build_wheel(into: Path, epoch: int) -> Path:
    """Build the wheel and return its path."""
    _build("wheel", into, epoch)
    return into / f"zfspull-{VERSION}-py3-none-any.whl"


def build_sdist(into: Path, epoch: int) -> Path:
    """Build the sdist and return its path."""
    _build("sdist", into, epoch)
    return into / f"zfspull-{VERSION}.tar.gz"


def _build(target: str, into: Path, epoch: int) -> None:
    into.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into.resolve())],
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # it names there what it made; after a failure it is part of the traceback
        text=True,
        check=True,
    )
