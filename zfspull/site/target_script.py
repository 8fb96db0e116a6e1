"""The shell script that prepares the place of the replicas here. Pure text; it may be run again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from zfspull.config.schema import TargetSettings
from zfspull.plan.grants import target_permissions
from zfspull.site.wishes import Wishes
from zfspull.zfs.names import parent, pool


_HEAD = """\
# Where the replicas go here. As root; it may be run again.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin
"""


def target_script(wishes: Wishes, settings: TargetSettings) -> str:
    """The script that makes what the targets lie in, never mounted, and lets the daemon's user work there."""
    lines = [line for dataset in wishes.parents for line in _lines(dataset, wishes.daemon_user, settings)]
    return _HEAD + "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _lines(dataset: str, user: str, settings: TargetSettings) -> Iterator[str]:
    for name in reversed(list(_with_parents(dataset))):
        quoted = shlex.quote(name)
        if name == pool(name):
            yield f"zpool list -H -o name {quoted} >/dev/null"
        else:
            yield f"zfs list -H -o name {quoted} >/dev/null 2>&1 || zfs create -o canmount=off {quoted}"
    if user != "root":
        names = {*settings.properties, *settings.filesystem_properties, *settings.exclude_properties}
        yield f"zfs allow -u {shlex.quote(user)} {','.join(target_permissions(names))} {shlex.quote(dataset)}"


def _with_parents(dataset: str) -> Iterator[str]:
    name: str | None = dataset
    while name is not None:
        yield name
        name = parent(name)
