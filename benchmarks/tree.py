"""The source's tree of the lab's cases: encrypted, nearly empty, every dataset with some snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from benchmarks.contestants import Contestant
from benchmarks.guest import SOURCE
from benchmarks.rows import Row
from tests.lab.site import Site


Seconds = Mapping[str, float]
_MAKE = f"""\
set -e
echo correct-horse >/root/passphrase
zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/passphrase {SOURCE} </dev/null
"""


class Tree:
    """The tree, its newest snapshot, and what brings replicas up to date with it.

    Args:
        site: where.
        children: datasets below its root.
        snapshots: of each dataset, to begin with.

    Attributes:
        paths: its datasets, relative to the root and with a slash, which is first and empty.
    """

    def __init__(self, site: Site, *, children: int, snapshots: int) -> None:
        self.source, self._backup = site.source, site.backup
        self.paths = ["", *(f"/d{number:02}" for number in range(1, children + 1))]
        self._taken = 0
        self.source.write("/root/make-tree", _MAKE + "".join(f"zfs create {SOURCE}{path}\n" for path in self.paths[1:]))
        self.source.run("sh /root/make-tree </dev/null", timeout_seconds=1200)
        for _ in range(snapshots):
            self.snapshot(*self.paths)

    @property
    def newest(self) -> str:
        """Name of the newest snapshot."""
        return f"s{self._taken}"

    def snapshot(self, *paths: str) -> str:
        """Write a little into datasets and take a snapshot of them; returns the name of the one before."""
        before, self._taken = self.newest, self._taken + 1
        writes = "".join(f"echo {self._taken} >>/{SOURCE}{path}/file; " for path in paths)
        names = " ".join(f"{SOURCE}{path}@{self.newest}" for path in paths)
        self.source.run(f"{writes}zfs snapshot {names}; zpool sync", timeout_seconds=600)
        return before

    def update(self, contestants: Sequence[Contestant]) -> dict[str, float]:
        """Seconds that each of them takes to bring its replica up to date."""
        return {contestant.name: contestant.run(self._backup) for contestant in contestants}


def medians(measure: Callable[[], Seconds], rounds: int) -> dict[str, float]:
    """The median of each contestant's seconds over that many rounds."""
    measured = [measure() for _ in range(rounds)]
    return {name: median(seconds[name] for seconds in measured) for name in measured[0]}


def rows(case: str, what: str, seconds: Seconds, ours: str, targets: Mapping[str, float]) -> Iterator[Row]:
    """A row for every contestant that is not of ours, beside `ours`."""
    for peer, theirs in seconds.items():
        if not peer.startswith("zfspull"):
            yield Row(
                case=case, what=what, unit="s", better="lower", ours=seconds[ours], peer=peer, theirs=theirs,
                target=targets.get(peer),
            )  # fmt: skip


def versions(site: Site) -> dict[str, str]:
    """Of what Debian brings along; those of the peers from PyPI stand in `peers.txt`."""
    zfs = site.source.run("zfs version | head -1").stdout.strip()
    syncoid = site.backup.run("dpkg-query -W -f '${Version}' sanoid").stdout.strip()
    return {"OpenZFS": zfs.removeprefix("zfs-"), "syncoid": syncoid}
