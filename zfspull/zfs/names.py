"""The rules that ZFS has for names, and how full names and paths below a root turn into each other.

Source of the rules: zfs(8) "Naming" and zfs_namecheck.c of OpenZFS: components of letters, digits and `_ - : .` and
space, not empty, not `.` or `..`, 255 bytes for the whole name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator


MAX_NAME_BYTES = 255
_COMPONENT = re.compile(r"[A-Za-z0-9_.:\- ]+")
_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:\- ]*")


def dataset_name_error(name: str) -> str | None:
    """Why `name` can be no dataset, in words for a person; None if it can."""
    # Bytes that are no UTF-8 stand as lone surrogates, which a strict encoder does not take.
    if len(name.encode(errors="surrogatepass")) > MAX_NAME_BYTES:
        return f"is longer than the {MAX_NAME_BYTES} bytes that ZFS allows"
    pool, *rest = name.split("/")
    if not _POOL.fullmatch(pool):
        return f"has no valid pool name before the first '/': {pool!r}"
    for component in rest:
        if component in ("", ".", ".."):
            return f"has the empty or reserved component {component!r}"
        if not _COMPONENT.fullmatch(component):
            return f"has the component {component!r}; ZFS allows letters, digits, space and _ - : ."
    return None


def snapshot_name_error(name: str) -> str | None:
    """Why `name` can stand after no `@` or `#`, in words for a person; None if it can."""
    if not name or not _COMPONENT.fullmatch(name):
        return f"{name!r} is no snapshot name; ZFS allows letters, digits, space and _ - : ."
    return None


def destroyable_error(name: str) -> str | None:
    """Why `name` is nothing that may be destroyed as a dataset, in words for a person: a pool, a snapshot, a range."""
    if error := dataset_name_error(name):
        return f"{name!r} {error}"
    return None if "/" in name else f"{name!r} is a whole pool"


def join(root: str, path: str) -> str:
    """The full name of what lies at `path` below `root`; `""` is the root itself."""
    return f"{root}/{path}" if path else root


def relative(root: str, name: str) -> str | None:
    """The path of `name` below `root` (`""` for the root itself), None if it lies outside."""
    if name == root:
        return ""
    return name[len(root) + 1 :] if name.startswith(f"{root}/") else None


def parent(name: str) -> str | None:
    """The name without its last component; None for a pool or the root path."""
    head, slash, _ = name.rpartition("/")
    return head if slash else None


def pool(name: str) -> str:
    """The pool that a dataset lies in."""
    return name.partition("/")[0]


def place(name: str) -> list[str]:
    """What sorts parents before all that lies below them, and that before their neighbours."""
    return name.split("/")


def ancestors(path: str) -> Iterator[str]:
    """The paths above `path`, the nearest first, `""` last; none for `""` itself."""
    while path:
        path = parent(path) or ""
        yield path
