"""The source's tree of the lab's cases: encrypted, nearly empty, every dataset with some snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from benchmarks.contestants import Contestant
from benchmarks.guest import SOURCE, TARGET
from benchmarks.rounds import in_turn
from benchmarks.rows import Row
from tests.lab.site import Site


Seconds = Mapping[str, float]
_MAKE = f"""\
set -e
echo correct-horse >/root/passphrase
zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/passphrase {SOURCE} </dev/null
"""
_CLEAR_TARGET = f"""\
systemctl stop zfspull; rm -rf /var/lib/zfspull/*
for replica in $(zfs list -Ho name -d 1 -t filesystem {TARGET} | tail -n +2); do zfs destroy -r $replica; done
zpool wait -t free {TARGET}; zpool sync
"""
_CLEAR_SOURCE = f"zfs list -Ho name -t bookmark -r {SOURCE} | xargs -r -n 1 zfs destroy; zpool sync"


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

    @property
    def base(self) -> str:
        """Name of the snapshot before that."""
        return f"s{self._taken - 1}"

    def snapshot(self, *paths: str) -> None:
        """Write a little into datasets and take a snapshot of them."""
        self._taken += 1
        writes = "".join(f"echo {self._taken} >>/{SOURCE}{path}/file; " for path in paths)
        names = " ".join(f"{SOURCE}{path}@{self.newest}" for path in paths)
        self.source.run(f"{writes}zfs snapshot {names}; zpool sync", timeout_seconds=600)

    def contest(
        self,
        contestants: Sequence[Contestant],
        rounds: int,
        *,
        floor: Callable[[], Seconds] | None = None,
        before: Callable[[], None] | None = None,
    ) -> dict[str, float]:
        """Seconds that each takes to bring its replica up to date, in turn with the others; see `in_turn`.

        Args:
            contestants: all of them.
            rounds: how often.
            floor: takes part if given; has names of its own for its seconds.
            before: what is done before each round.
        """
        runs = {one.name: partial(self._seconds, one) for one in contestants}
        measured = in_turn({"floor": floor, **runs} if floor else runs, rounds=rounds, before=before)
        return {name: seconds for of_one in measured.values() for name, seconds in of_one.items()}

    def _seconds(self, contestant: Contestant) -> Seconds:
        return {contestant.name: contestant.run(self._backup)}

    def clear(self) -> None:
        """Have no replica of the tree, nobody who knows of one, and no trace of one on the source."""
        self._backup.run(_CLEAR_TARGET, timeout_seconds=600)
        self.source.run(_CLEAR_SOURCE, timeout_seconds=600)


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
    return {"OpenZFS": zfs.removeprefix("zfs-"), "syncoid": syncoid, "the lab's accelerator": site.backup.accelerator}
