"""What runs have listed, in the state directory, so that a new process need not list it again: one JSON file per job.

Nothing depends on these files. One that is missing, damaged, too large, of another version or of another job is as good
as none; it is never a reason to fail, and what is read is checked as the listing of a host is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from zfspull.clock import Clock
from zfspull.daemon.owner import make_directory, make_file
from zfspull.plan.known import Knowledge, Known
from zfspull.pull.remembered import ProcessMemory, Remembered
from zfspull.zfs.model import Bookmark, Snapshot
from zfspull.zfs.names import dataset_name_error, snapshot_name_error


VERSION = 1
MAX_FILE_BYTES = 64 << 20
MAX_KEPT_POINTS = 200_000
"""A job with more snapshots is remembered in the process only: reading such a file takes as long as a listing."""
_MAX_UINT64 = 2**64 - 1
_MAX_CLONES = 100
_LONGEST_SECONDS = 1e12


class MemoryOnDisk:
    """Remembers in the process, and in files below `directory`, which is made when there is something to write.

    Whoever has the job's lock is the only one to write. No file is synced to the disk: after a power cut there is an
    old one, or one that can't be read.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._process = ProcessMemory()
        self._read: set[str] = set()

    def recall(self, job: str) -> Remembered:
        """What is known of a job: by this process, else by the file."""
        if job not in self._read:
            self._read.add(job)
            remembered = self._load(job)
            if remembered is not None:
                self._process.keep(job, remembered)
        return self._process.recall(job)

    def keep(self, job: str, remembered: Remembered) -> None:
        """Remember it, and write it down if it can be."""
        self._read.add(job)
        self._process.keep(job, remembered)
        path = self._path(job)
        with suppress(OSError):
            if remembered.points > MAX_KEPT_POINTS:
                path.unlink(missing_ok=True)
                return
            make_directory(self._directory, mode=0o750)
            new = path.with_name(f"{path.name}.new")
            # All at once: json.dump would write it piece by piece, by the slow encoder.
            text = json.dumps(to_json(remembered, job, self._wall), separators=(",", ":"))
            with os.fdopen(make_file(new, mode=0o640), "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(path)

    def _load(self, job: str) -> Remembered | None:
        path = self._path(job)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                return None
            return from_json(json.loads(path.read_bytes()), job, self._moment)
        except (OSError, ValueError, RecursionError):
            return None

    def _wall(self, moment: float) -> float:
        """A moment of this process's monotonic clock as wall time."""
        return self._clock.now() - (self._clock.monotonic() - moment)

    def _moment(self, at: float) -> float:
        """Wall time as a moment of this process's monotonic clock; what lies ahead was just now."""
        return self._clock.monotonic() - max(0.0, self._clock.now() - at)

    def _path(self, job: str) -> Path:
        return self._directory / f"{job}.json"


def to_json(remembered: Remembered, job: str, wall: Callable[[float], float]) -> dict[str, Any]:
    """What is written; `wall` turns moments of the monotonic clock into seconds since the epoch."""
    return {
        "version": VERSION,
        "job": job,
        "source": _side_to_json(remembered.source, wall),
        "target": _side_to_json(remembered.target, wall),
    }


def _side_to_json(side: Knowledge, wall: Callable[[float], float]) -> dict[str, Any]:
    return {
        "root": side.root,
        "recursive": side.recursive,
        "full_at": side.full_at,
        "datasets": {
            name: [
                one.guid,
                one.origin,
                one.changed,
                wall(one.seen_at),
                one.listed,
                one.settled,
                [
                    [shot.name, shot.guid, shot.createtxg, shot.creation, shot.ivsetguid, shot.holds, shot.clones]
                    for shot in one.snapshots
                ],
                [[mark.name, mark.guid, mark.createtxg, mark.creation, mark.ivsetguid] for mark in one.bookmarks],
            ]
            for name, one in side.datasets.items()
        },
    }


def from_json(data: Any, job: str, moment: Callable[[float], float]) -> Remembered:  # noqa: ANN401 - any JSON
    """What `to_json` made `data` of.

    Raises:
        ValueError: it is anything else.
    """
    try:
        if data["version"] != VERSION or data["job"] != job:
            raise ValueError("it is of another version, or another job")
        return Remembered(_side(data["source"], moment), _side(data["target"], moment))
    except (KeyError, TypeError, AttributeError, OverflowError, IndexError) as error:
        raise ValueError(f"it has not the form that it should: {error!r:.200}") from error


def _side(data: Any, moment: Callable[[float], float]) -> Knowledge:  # noqa: ANN401
    datasets: Mapping[str, Any] = data["datasets"]
    return Knowledge(
        root=_text(data["root"]),
        recursive=_flag(data["recursive"]),
        full_at=_time(data["full_at"]),
        datasets={_dataset(name): _known(one, moment) for name, one in datasets.items()},
    )


def _known(data: Any, moment: Callable[[float], float]) -> Known:  # noqa: ANN401
    guid, origin, changed, seen_at, listed, settled, snapshots, bookmarks = data
    return Known(
        guid=_number(guid),
        origin=None if origin is None else _text(origin),
        changed=None if changed is None else _number(changed),
        seen_at=moment(_time(seen_at)),
        listed=_flag(listed),
        settled=_flag(settled),
        snapshots=tuple(
            Snapshot(
                name=_name(name),
                guid=_number(one),
                createtxg=_number(txg),
                creation=_number(at),
                ivsetguid=None if ivset is None else _number(ivset),
                holds=_number(holds),
                clones=tuple(_text(clone) for clone in clones[:_MAX_CLONES]),
            )
            for name, one, txg, at, ivset, holds, clones in snapshots
        ),
        bookmarks=tuple(
            Bookmark(
                name=_name(name),
                guid=_number(one),
                createtxg=_number(txg),
                creation=_number(at),
                ivsetguid=None if ivset is None else _number(ivset),
            )
            for name, one, txg, at, ivset in bookmarks
        ),
    )


def _number(data: Any) -> int:  # noqa: ANN401
    if type(data) is not int or not 0 <= data <= _MAX_UINT64:
        raise ValueError(f"{data!r:.40} is no number of ZFS")
    return data


def _time(data: Any) -> float:  # noqa: ANN401
    if type(data) not in (int, float) or not abs(data) < _LONGEST_SECONDS:
        raise ValueError(f"{data!r:.40} is no time")
    return float(data)


def _flag(data: Any) -> bool:  # noqa: ANN401
    if not isinstance(data, bool):
        raise TypeError("this is no flag")
    return data


def _text(data: Any) -> str:  # noqa: ANN401
    if not isinstance(data, str):
        raise TypeError("this is no text")
    return data


def _name(data: Any) -> str:  # noqa: ANN401
    if error := snapshot_name_error(_text(data)):
        raise ValueError(error)
    return _text(data)


def _dataset(data: Any) -> str:  # noqa: ANN401
    if error := dataset_name_error(_text(data)):
        raise ValueError(error)
    return _text(data)
