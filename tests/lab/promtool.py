"""Prometheus's own judge of alert rules: the host's, or Debian's unpacked beside it."""

import logging
import shutil
from pathlib import Path

from tests.lab.cache import digest, made
from tests.lab.packages import unpack


log = logging.getLogger("zfspull.lab")

_SUITE, _PACKAGE = "bookworm", "prometheus"


def promtool() -> Path:
    """The program ``promtool``; fetched first if need be (40 MB, once).

    Raises:
        LabError: It can't be had.
    """
    own = shutil.which("promtool")
    return Path(own) if own else made("promtool", digest([_SUITE, _PACKAGE, 1]), _fetch) / "usr/bin/promtool"


def _fetch(into: Path) -> None:
    log.info("fetching promtool of Debian's %s", _SUITE)
    unpack(_SUITE, [_PACKAGE], into)
