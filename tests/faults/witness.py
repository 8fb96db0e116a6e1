"""A witness beside the daemon: what the metrics claim is held against the pool while things go wrong."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field

from tests.lab.host import LabError
from tests.lab.machine import Machine


TICK_SECONDS = 0.4
LOOK_SECONDS = 30.0  # a suspended pool does not answer at all
GRACE_SECONDS = 2.0  # between the clocks of the machines
RECEIVED = "zfspull_received_bytes_total"
_SAMPLE = re.compile(r"^(zfspull_[a-z_]+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Entry:
    """A snapshot that is or was on the source.

    Attributes:
        path: its dataset, relative to the job's root.
        name: what stands after the @.
        guid: as ZFS says it.
        known_at: seconds since the epoch, when it was there for certain.
    """

    path: str
    name: str
    guid: str
    known_at: float


@dataclass
class Ledger:
    """What the source had and when, kept by whoever changes it.

    Attributes:
        entries: every snapshot ever seen, by guid.
        gone_at: when those that are gone may have gone, by guid.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    gone_at: dict[str, float] = field(default_factory=dict)

    def note(self, listed: list[tuple[str, str, str]], *, before: float, after: float) -> None:
        """Take over a listing of (path, name, guid) made after a change that ran from `before` to `after`."""
        for path, name, guid in listed:
            self.entries.setdefault(guid, Entry(path, name, guid, after))
        for guid in self.entries.keys() - {guid for _, _, guid in listed}:
            self.gone_at.setdefault(guid, before)

    def now(self) -> list[Entry]:
        """What is on the source."""
        return [entry for entry in self.entries.values() if entry.guid not in self.gone_at]

    def present(self, start: float, end: float) -> list[Entry]:
        """What was on the source from `start` to `end` without a break."""
        return [
            entry
            for entry in self.entries.values()
            if entry.known_at < start - GRACE_SECONDS
            and self.gone_at.get(entry.guid, float("inf")) > end + GRACE_SECONDS
        ]


Sample = tuple[str, Mapping[str, str], float]


class Witness:
    """Reads the metrics several times a second; when they claim what was not seen in the pool, it is asked if that is so.

    Args:
        backup: the backup box.
        port: the host's port that leads to /metrics.
        job: the job.
        root: the dataset on the target that everything lies below.
        ledger: what the source has.
        thinned: whether retention is on: then what was seen here once may be gone again.

    Attributes:
        violations: promises seen broken.
        successes: how many successful runs were looked into.
        received_bytes: all that the daemons have counted; what one counted in its last half second before a kill is missing.
        seen: every snapshot ever seen on the target: guid to (dataset, name).
    """

    def __init__(self, backup: Machine, port: int, *, job: str, root: str, ledger: Ledger, thinned: bool) -> None:
        self._backup = backup
        self._job = job
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._root = root
        self._ledger = ledger
        self._thinned = thinned
        self._claims: object = None
        self._creations: dict[str, int] = {}
        self._listed: Mapping[str, tuple[str, str, int]] = {}
        self._last_success = 0.0
        self._counted = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.clocks_agree = True
        self.violations: list[str] = []
        self.successes = 0
        self.received_bytes = 0.0
        self.samples: list[Sample] = []
        self.seen: dict[str, tuple[str, str]] = {}

    def start(self) -> None:
        """Begin to watch; fine if it does."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def fetch(self) -> list[Sample]:
        """What the metrics say now; nothing if nobody answers."""
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310 - a fixed address
                text = answer.read().decode()
        except (OSError, ValueError, EOFError):
            return []
        except Exception:  # noqa: BLE001 - http.client's own errors: a daemon that was killed in mid-answer
            return []
        found = [(name, dict(_LABEL.findall(labels)), float(value)) for name, labels, value in _SAMPLE.findall(text)]
        return [sample for sample in found if sample[1].get("job") == self._job]

    def value(self, name: str, **labels: str) -> float:
        """The newest value of a sample; 0 if there is none."""
        for found, its, value in self.samples:
            if found == name and all(its.get(key) == text for key, text in labels.items()):
                return value
        return 0.0

    @property
    def claims(self) -> object:
        """What the metrics say of backups; equal as long as they say nothing new."""
        points = [sample for sample in self.samples if "snapshot_timestamp" in sample[0] or "up_to_date" in sample[0]]
        return points, self.value("zfspull_job_last_success_timestamp_seconds")

    def listing(self) -> dict[str, tuple[str, str, int]] | None:
        """Every snapshot on the target: guid to (dataset, name, creation); None if the pool does not answer.

        Only what was not there before is asked when it was made: that takes zfs(8) ten times as long as the rest, of the
        processor that the daemon needs.
        """
        listed = self._rows(f"-o name,guid -r {self._root}")
        if listed is None:
            return None
        names = {guid: name for name, guid in listed}
        if unknown := [name for guid, name in names.items() if guid not in self._creations]:
            made = self._rows(f"-o guid,creation {' '.join(unknown)}")
            if made is None:
                return None
            self._creations.update({guid: int(creation) for guid, creation in made})
        found = {}
        for guid, full in names.items():
            dataset, _, name = full.partition("@")
            found[guid] = (dataset, name, self._creations[guid])
        self.seen.update({guid: (dataset, name) for guid, (dataset, name, _) in found.items()})
        self._listed = found
        return found

    def _rows(self, words: str) -> list[list[str]] | None:
        """What `zfs list -t snapshot` says; None unless it says all."""
        with contextlib.suppress(LabError, subprocess.SubprocessError, OSError):
            done = self._backup.run(f"zfs list -Hp -t snapshot {words}", check=False, timeout_seconds=LOOK_SECONDS)
            if done.status == 0:
                return [line.split("\t") for line in done.stdout.splitlines()]
        return None

    def count(self) -> None:
        """Read the metrics once more, as the last thing before the daemon is killed."""
        with self._lock:
            samples = self.fetch()
            if samples:
                self.samples = samples
                self._count()

    def _watch(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            with contextlib.suppress(LabError, OSError):
                self._tick()

    def _tick(self) -> None:
        with self._lock:
            samples = self.fetch()
            if not samples:
                return
            self.samples = samples
            self._count()
        claims = self.claims
        if claims == self._claims:
            return
        # A look takes seconds of the processor that the daemon needs: each snapshot has the kernel open its dataset anew.
        if self._thinned or self._contradictions(self._listed):
            target = self.listing()
            if target is None:
                return
            for text in self._contradictions(target):
                if text not in self.violations:
                    self.violations.append(text)
        self._claims = claims
        self._count_success()

    def _count(self) -> None:
        counted = self.value(RECEIVED)
        self.received_bytes += counted - self._counted if counted >= self._counted else counted
        self._counted = counted

    def _contradictions(self, target: Mapping[str, tuple[str, str, int]]) -> list[str]:
        """What the metrics claim against what the target has."""
        return [*self._false_points(target), *self._false_success(target)]

    def _false_points(self, target: Mapping[str, tuple[str, str, int]]) -> Iterator[str]:
        """A recovery point that is shown is really there, and up to date means that it is the source's newest."""
        claimed: dict[str, dict[str, float]] = {}
        for name, labels, value in self.samples:
            if "dataset" in labels:
                claimed.setdefault(labels["dataset"], {})[name] = value
        for dataset, values in claimed.items():
            newest = values.get("zfspull_dataset_newest_snapshot_timestamp_seconds", 0.0)
            source = values.get("zfspull_dataset_source_newest_snapshot_timestamp_seconds", 0.0)
            there = {creation for name, _, creation in target.values() if name == dataset}
            if newest and newest not in there:
                yield f"{dataset}: metrics show a recovery point {newest:.0f} that is not there"
            if values.get("zfspull_dataset_up_to_date") == 1.0 and source not in there:
                yield f"{dataset}: called up to date without the source's newest, {source:.0f}"

    def _false_success(self, target: Mapping[str, tuple[str, str, int]]) -> Iterator[str]:
        """After a success everything is there that was on the source from its start to its end."""
        end = self._new_success()
        if (
            not end or not self.clocks_agree or end > time.time() + GRACE_SECONDS
        ):  # of a clock that was ahead until just now
            return
        start = end - self.value("zfspull_job_last_duration_seconds")
        for entry in self.lacking(start, end, target):
            yield f"success of {start:.1f} to {end:.1f} without {entry}"

    def _new_success(self) -> float:
        """When the last run ended, if that was a success that is not counted yet; else 0."""
        end = self.value("zfspull_job_last_success_timestamp_seconds")
        return end if end != self._last_success and self.value("zfspull_job_last_result", result="success") else 0.0

    def _count_success(self) -> None:
        if end := self._new_success():
            self._last_success = end
            self.successes += 1

    def lacking(self, start: float, end: float, here: Container[str]) -> list[Entry]:
        """What a successful run from `start` to `end` should have brought, and the target does not have."""
        brought = self.seen if self._thinned else {}
        return [
            entry for entry in self._ledger.present(start, end) if entry.guid not in here and entry.guid not in brought
        ]


def wait_for(what: str, look: Callable[[], object], *, timeout_seconds: float, poll_seconds: float = 0.3) -> float:
    """Wait until `look` returns something true; returns the seconds that it took.

    Raises:
        AssertionError: if that takes too long; tells what was waited for.
    """
    begun = time.monotonic()
    while not look():
        if time.monotonic() > begun + timeout_seconds:
            raise AssertionError(f"waited {timeout_seconds:.0f} s in vain: {what}")
        time.sleep(poll_seconds)
    return time.monotonic() - begun
