"""From files to a `Config`, or to every mistake in every file at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from zfspull.config.check import PlacedJob, Scene, check
from zfspull.config.document import Document, Where, read_document
from zfspull.config.explain import explain
from zfspull.config.parts import Shape
from zfspull.config.schema import Config, Defaults, Job, Main
from zfspull.errors import ConfigError, Problem


DEFAULT_FILE = Path("/etc/zfspull/zfspull.yaml")
JOBS_DIRECTORY = "jobs.d"
SUFFIXES = (".yaml", ".yml")

Raw = dict[str, object]
ShapeT = TypeVar("ShapeT", bound=Shape)

_STAND_INS: Mapping[str, object] = {
    "name": "unknown",
    "source": "unknown:unknown",
    "target": "unknown/unknown",
    "schedule": "manual",
}
"""What a job needs, for one where it could not be understood and only the rest is looked at."""


def load_config(path: Path = DEFAULT_FILE, jobs_dir: Path | None = None) -> Config:
    """Read the main file and the jobs beside it.

    Args:
        path: the main file.
        jobs_dir: where the jobs are, one in each `*.yaml` or `*.yml`; `jobs.d` beside the main file by default.

    Raises:
        ConfigError: with every mistake of every file, sorted by place.
    """
    loader = _Loader()
    main = loader.main(read_document(path))
    jobs = [loader.job(read_document(file), file.stem) for file in loader.job_files(jobs_dir or _beside(path))]
    loader.problems += check(loader.scene([job for job in jobs if job is not None]))
    if main is None or loader.problems:
        raise ConfigError(sorted({_printable(problem) for problem in loader.problems}))
    return Config(
        hosts=main.hosts,
        jobs={placed.job.name: placed.job for placed in jobs if placed is not None},
        target=main.target,
        http=main.http if main.http and main.http.enabled else None,
        limits=main.limits,
        sources=tuple(loader.sources),
        places={placed.job.name: placed.document.problem(("keep",), "") for placed in jobs if placed is not None},
    )


class _Loader:
    """Collects problems, and what later files need of earlier ones."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sources: list[str] = []
        self._main = Document("")
        self._defaults: Raw = {}
        self._jumps: dict[str, str | None] | None = None

    def main(self, document: Document) -> Main | None:
        """Understand the main file; None if there is anything wrong with it."""
        self._main = document
        raw = self._mapping(document)
        if raw is None:
            # Without defaults to look at, no job can be blamed for a missing schedule.
            self._defaults = {"schedule": _STAND_INS["schedule"]}
            return None
        raw = {key: value for key, value in raw.items() if value is not None or key == "http"}
        if isinstance(hosts := raw.get("hosts"), dict):
            raw["hosts"] = {name: self._named(name, host) for name, host in hosts.items()}
            self._jumps = {name: _jump_of(host) for name, host in hosts.items()}
        elif hosts is None:
            self._jumps = {}
        self._take_defaults(raw.get("defaults"))
        return self._validate(Main, raw, document)

    def job(self, document: Document, stem: str) -> PlacedJob | None:
        """Understand one job's file; what can't be understood is left out of the result and marked as unknown."""
        raw = self._mapping(document)
        if raw is None:
            return None
        merged = {**self._defaults, "name": stem, **raw}
        merged = {key: value for key, value in merged.items() if value is not None}
        bad = set[str]()
        job = self._validate(Job, merged, document, bad)
        if job is None:
            usable = {key: value for key, value in merged.items() if key not in bad}
            bad |= _STAND_INS.keys() - usable.keys()
            job = Job.model_validate({**_STAND_INS, **usable})
        return PlacedJob(document, job, frozenset(bad))

    def scene(self, jobs: list[PlacedJob]) -> Scene:
        """All there is, for the rules across files."""
        return Scene(self._main, self._jumps, jobs)

    def job_files(self, directory: Path) -> list[Path]:
        """The files with jobs, in lexical order."""
        try:
            files = sorted(directory.iterdir())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"the directory of jobs can't be read: {reason}; create it, it may be empty"
            self.problems.append(Problem(str(directory), 0, 0, "file", message))
            return []
        return [file for file in files if file.suffix in SUFFIXES and not file.name.startswith(".")]

    def _mapping(self, document: Document) -> Raw | None:
        """What a document holds, if it is a mapping at all."""
        self.sources.append(document.file)
        self.problems += document.problems
        if isinstance(document.data, dict):
            return document.data
        if not document.problems:
            kind = "a list" if isinstance(document.data, list) else "a single value"
            self.problems.append(document.problem((), f"must be a mapping of keys and values, is {kind}"))
        return None

    def _named(self, name: str, host: object) -> object:
        if not isinstance(host, dict):
            return host
        if "name" in host:
            message = f"unknown key; the name of a host is its key, here {name!r}"
            self.problems.append(self._main.problem(("hosts", name, "name"), message))
        return {**host, "name": name}

    def _take_defaults(self, raw: object) -> None:
        """Note what jobs have by default, without what is wrong: that is reported once, for the main file."""
        if not isinstance(raw, dict):
            return
        given = {key: value for key, value in raw.items() if value is not None}
        bad = set[str]()
        try:
            Defaults.model_validate(given)
        except ValidationError as error:
            bad = {str(where[0]) for where, _ in explain(error, Defaults) if where}
        self._defaults = {key: value for key, value in given.items() if key not in bad}
        if "schedule" in bad:
            self._defaults["schedule"] = _STAND_INS["schedule"]

    def _validate(
        self, shape: type[ShapeT], raw: Raw, document: Document, bad: set[str] | None = None
    ) -> ShapeT | None:
        """`raw` in its shape; or None, with the mistakes noted and the keys that have them put into `bad`."""
        try:
            return shape.model_validate(raw)
        except ValidationError as error:
            known = {problem.key for problem in document.problems}
            for where, message in explain(error, shape):
                problem = document.problem(_host_key(where), message)
                # What could not even be read (an alias, a tag) is missing here; that was said already.
                if problem.key not in known:
                    self.problems.append(problem)
                if bad is not None and where:
                    bad.add(str(where[0]))
        return None


def _host_key(where: Where) -> Where:
    """A host's name is its key: that is where a bad one stands."""
    return where[:2] if where[:1] == ("hosts",) and where[2:] == ("name",) else where


def _jump_of(host: object) -> str | None:
    jump = host.get("jump") if isinstance(host, dict) else None
    return jump if isinstance(jump, str) else None


def _beside(path: Path) -> Path:
    return path.parent / JOBS_DIRECTORY


def _printable(problem: Problem) -> Problem:
    """`problem` without anything that could break a line or drive a terminal: files may hold any character."""
    return replace(problem, file=_escape(problem.file), key=_escape(problem.key), message=_escape(problem.message))


def _escape(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
