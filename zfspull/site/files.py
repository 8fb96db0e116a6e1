"""Changes to the configuration's files: shown, tried out where they do no harm, and then put in place at once."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zfspull.config.load import JOBS_DIRECTORY, SUFFIXES, load_config
from zfspull.config.schema import Config
from zfspull.errors import ConfigError, LocalResourceError


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is to be; `before` is None for one that is not there."""

    path: Path
    before: str | None
    after: str


def shown(change: Change) -> str:
    """The change as a unified diff; the whole text of a new file."""
    if change.before is None:
        return f"new file {change.path}:\n{change.after}"
    lines = difflib.unified_diff(
        change.before.splitlines(), change.after.splitlines(), str(change.path), "as it will be", n=2, lineterm=""
    )
    return "\n".join(lines) + "\n"


def tried(main: Path, changes: Sequence[Change]) -> Config:
    """The configuration as it would be; nothing is changed.

    Args:
        main: the main file.
        changes: to it and to job files beside it.

    Raises:
        ConfigError: it would have mistakes; places are told as in the files to be.
    """
    with tempfile.TemporaryDirectory(prefix="zfspull-") as name:
        trial = Path(name) / main.name
        jobs = Path(name) / JOBS_DIRECTORY
        jobs.mkdir()
        if main.exists():
            shutil.copyfile(main, trial)
        for file in sorted((main.parent / JOBS_DIRECTORY).glob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                shutil.copyfile(file, jobs / file.name)
        for change in changes:
            (trial if change.path == main else jobs / change.path.name).write_text(change.after)
        try:
            return load_config(trial)
        except ConfigError as error:
            problems = [
                replace(
                    one,
                    file=one.file.replace(name, str(main.parent)),
                    message=one.message.replace(name, str(main.parent)),
                )
                for one in error.problems
            ]
            raise ConfigError(
                problems, hint="nothing was written; fix this first, or write the files by hand"
            ) from error


def put(change: Change) -> None:
    """Put a change in place, wholly or not at all; its directory must be there.

    A new file never replaces one, a changed one keeps its mode.

    Raises:
        LocalResourceError: it can't be written, or is no longer as it was.
    """
    path = change.path
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(change.after)
        try:
            if change.before is None:
                new.chmod(0o644)
                os.link(new, path)  # fails if there is one by now
            elif path.read_text() != change.before:
                raise LocalResourceError(f"{path} has just been changed by somebody else; nothing was written to it")
            else:
                _like(path, new)
                new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise LocalResourceError(
            f"{path} can't be written: {error.strerror}", hint="run this as root", reason="config_directory"
        ) from error


def make_directory(path: Path) -> None:
    """Make a directory, and those above it, that everybody may enter whatever the umask says; fine if it is there.

    Raises:
        OSError: it can't be made.
    """
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o755)


def _like(old: Path, new: Path) -> None:
    """Give `new` the mode and, as far as we may, the owner of `old`."""
    seen = old.stat()
    new.chmod(seen.st_mode & 0o7777)
    if os.geteuid() == 0:
        os.chown(new, seen.st_uid, seen.st_gid)
