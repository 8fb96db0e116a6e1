"""The books of what sources lost, in the state directory: one JSON file for each job, replaced as a whole.

A file that can't be used is moved aside and a new one begun: then everything has been missing for no time at all, and
nothing goes because of it. Whoever has the job's lock is the only one to write.
"""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from zfspull.daemon.owner import make_directory, make_file
from zfspull.errors import LocalResourceError
from zfspull.plan.absence import Absence, Ledger, Record


VERSION = 1
_BEGINS_ANEW = "how long something has been missing on the source is counted anew, from now on"


class BooksOnDisk:
    """Ledgers below `directory`, which is made when there is something to write."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, job: str) -> Ledger:
        """The ledger of a job; an empty one if it has none.

        Raises:
            LocalResourceError: there was one, and it can't be used. It was moved aside if it was damaged.
        """
        path = self._path(job)
        try:
            return from_json(json.loads(path.read_bytes()), job)
        except FileNotFoundError:
            return Ledger()
        except OSError as error:
            message = f"the books {path} can't be read: {error.strerror or error}"
            raise LocalResourceError(message, hint=_BEGINS_ANEW, job=job, reason="books_unreadable") from error
        except (ValueError, RecursionError) as error:
            with suppress(OSError):
                path.replace(path.with_name(f"{path.name}.damaged"))
            message = f"the books {path} are damaged: {error}"
            raise LocalResourceError(message, hint=_BEGINS_ANEW, job=job, reason="books_damaged") from error

    def save(self, job: str, ledger: Ledger) -> None:
        """Keep the ledger of a job: after a power cut there is the old one or the new one.

        Raises:
            LocalResourceError: it could not be written.
        """
        path = self._path(job)
        new = path.with_name(f"{path.name}.new")
        try:
            make_directory(self._directory, mode=0o750)
            with os.fdopen(make_file(new, mode=0o640), "w", encoding="utf-8") as file:
                json.dump(to_json(ledger, job), file, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            message = f"the books {path} can't be written: {error.strerror or error}"
            hint = "until they can, time that something is missing on the source is not counted"
            raise LocalResourceError(message, hint=hint, job=job, reason="books_unwritable") from error

    def _path(self, job: str) -> Path:
        return self._directory / f"{job}.json"


def to_json(ledger: Ledger, job: str) -> dict[str, Any]:
    """What is written. Guids are text: as JSON numbers, most readers would round them."""
    return {
        "version": VERSION,
        "job": job,
        "datasets": {
            str(guid): {
                "seen": record.seen,
                "missing": _absence_to_json(record.missing) if record.missing else None,
                "snapshots": {str(one): _absence_to_json(absence) for one, absence in record.snapshots.items()},
            }
            for guid, record in ledger.datasets.items()
        },
    }


def from_json(data: Any, job: str) -> Ledger:  # noqa: ANN401 - any JSON
    """The ledger that `to_json` made `data` of.

    Raises:
        ValueError: it is anything else.
    """
    try:
        if data["version"] != VERSION or data["job"] != job:
            raise ValueError(f"they are of version {data['version']!r:.40} and job {data['job']!r:.80}")
        return Ledger({int(guid): _record(record) for guid, record in data["datasets"].items()})
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"they have not the form that they should: {error!r:.200}") from error


def _record(data: Any) -> Record:  # noqa: ANN401
    if not isinstance(data["seen"], bool):
        raise TypeError("seen is no flag")
    return Record(
        seen=data["seen"],
        missing=None if data["missing"] is None else _absence(data["missing"]),
        snapshots={int(guid): _absence(absence) for guid, absence in data["snapshots"].items()},
    )


def _absence_to_json(absence: Absence) -> list[float]:
    return [absence.seconds, absence.last_at]


def _absence(data: Any) -> Absence:  # noqa: ANN401
    seconds, last_at = data
    if not all(type(number) in (int, float) and math.isfinite(number) for number in (seconds, last_at)) or seconds < 0:
        raise ValueError(f"{data!r:.80} is no length of time with a moment")
    return Absence(float(seconds), float(last_at))
