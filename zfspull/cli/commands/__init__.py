"""The commands, one module each: `add` puts the command on the parser, `run` does its work and returns an exit code.

A new command is a module here, its line in `ADD`, and its section in docs/reference/cli.md (a test compares).
"""

from __future__ import annotations

from collections.abc import Callable

from zfspull.cli.commands import (
    check_config,
    config,
    cursors,
    daemon,
    doctor,
    plan,
    prune,
    pull,
    reload,
    retention,
    setup,
    status,
)
from zfspull.cli.options import Commands


ADD: tuple[Callable[[Commands], None], ...] = (
    check_config.add,
    config.add,
    plan.add,
    pull.add,
    prune.add,
    retention.add,
    cursors.add,
    daemon.add,
    status.add,
    reload.add,
    doctor.add,
    setup.add,
)
"""Put the commands on the parser, in the order of `zfspull --help`."""
