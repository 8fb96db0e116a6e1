"""The steps of `zfspull setup`: each shows what it is about to do, asks, and does it if it is not done already."""

from __future__ import annotations

import asyncio
import os
import pwd
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zfspull.cli.failure import UsageError
from zfspull.cli.setup_wishes import settings_of
from zfspull.cli.text import safe, safe_block
from zfspull.config.edit import CannotEditError, add_host, host_entry
from zfspull.config.load import JOBS_DIRECTORY, load_config
from zfspull.config.new_job import NEW_MAIN, job_text
from zfspull.errors import LocalResourceError, PermanentError
from zfspull.hosts import keys
from zfspull.hosts.administrator import Administrator
from zfspull.hosts.ends import default_key
from zfspull.site import files
from zfspull.site.source_script import GATE_PATH, INSTALL_GATE, authorized_keys_line, source_script
from zfspull.site.target_script import target_script
from zfspull.site.unit import hands_over


if TYPE_CHECKING:
    from collections.abc import Sequence

    from zfspull.cli.dialogue import Dialogue
    from zfspull.cli.options import Options
    from zfspull.config.schema import Config
    from zfspull.site.files import Change
    from zfspull.site.wishes import Wishes

_GATES = (
    Path("/usr/share/zfspull/zfspull-gate"),
    Path(sys.prefix) / "share/zfspull/zfspull-gate",
    Path(__file__).resolve().parents[2] / "packaging/source/zfspull-gate",
)
"""Where the gate may lie here: a package, an installation by hand, a checkout."""

_NO_KEY = "ssh-ed25519 AAAA... zfspull"
_SCRIPT = "sh -s"


class Setup:
    """One setup under way.

    Args:
        options: of the command.
        dialogue: with the person.
        config: what is there.
        wishes: what is to be made.
    """

    def __init__(self, options: Options, dialogue: Dialogue, config: Config, wishes: Wishes) -> None:
        self._options = options
        self._dialogue = dialogue
        self._config = config
        self._wishes = wishes
        self._changes: Sequence[Change] = ()
        self._key = Path(wishes.host.key) if wishes.host.key else default_key()
        self._known_hosts = Path(wishes.host.known_hosts)
        self._gate = _find_gate() if wishes.gate else None

    def try_files(self) -> None:
        """Find out what the files will be, before anything is done.

        Raises:
            ConfigError: they would have mistakes.
            LocalResourceError: the main file can't be added to, or a job's file is there already.
        """
        main = self._options.config_path
        changes = [files.Change(main, before, after) for before, after in [self._main(main)] if before != after]
        for job in self._wishes.jobs:
            path = main.parent / JOBS_DIRECTORY / job.file_name
            if path.exists():
                raise LocalResourceError(f"{path} is there already; nothing was done", hint="move it away, or edit it")
            changes.append(files.Change(path, None, job_text(job)))
        files.tried(main, changes)
        self._changes = changes

    def _main(self, main: Path) -> tuple[str | None, str]:
        """The main file as it is and as it will be."""
        before = main.read_text() if main.exists() else None
        if not self._wishes.is_new:
            return before, before or ""
        host, settings = self._wishes.host, settings_of(self._wishes.host)
        try:
            return before, add_host(before if before is not None else NEW_MAIN, host.name, settings)
        except CannotEditError as error:
            raise LocalResourceError(
                f"{main} can't be added to: {error}",
                hint=f"add this to it by hand, then run this again:\nhosts:\n{host_entry(host.name, settings)}",
            ) from error

    def key(self) -> None:
        """The daemon's key; an existing one is never touched."""
        _title("The key that zfspull logs in with")
        if self._key.exists():
            print(f"{self._key} is there, and is used")
            return
        print(f"{'would make' if self._options.dry_run else 'making'} {self._key}")
        if self._options.dry_run:
            return
        try:
            files.make_directory(self._key.parent)
            keys.make_key(self._key, "zfspull")
            self._hand_over(self._key)
        except OSError as error:
            raise _not_written(self._key, error) from error

    def host_key(self) -> None:
        """The host key, known from here on; never without a person's or a fingerprint's word.

        Raises:
            PermanentError: the host shows another key than the one that is known, or expected.
        """
        host = self._wishes.host
        _title(f"The key of {safe(host.name)}, so that nobody else can pass for it")
        known = keys.known_keys(self._known_hosts, host.address, host.port)
        timeout = host.connect_timeout_seconds
        found = asyncio.run(keys.fetch_host_key(host.address, host.port, timeout_seconds=timeout, known=known))
        print(f"{host.address} shows {found.fingerprint}")
        expected = self._options.fingerprint
        if expected is not None and expected != found.fingerprint:
            raise PermanentError(
                f"the host key of {host.address} is {found.fingerprint}, not {expected} as --fingerprint says",
                hint="is that the right machine? nothing was written",
                host=host.name,
                reason="host_key",
            )
        if any(one.fingerprint == found.fingerprint for one in known):
            print(f"it is the one in {self._known_hosts}")
            return
        if known:
            raise PermanentError(
                f"{self._known_hosts}:{known[0].line} has another key for {host.address}: {known[0].fingerprint}",
                hint="if the host was installed anew, remove that line and run this again; else somebody is in between",
                host=host.name,
                reason="host_key",
            )
        self._compare(found, confirmed=expected is not None)

    def _compare(self, found: keys.HostKey, *, confirmed: bool) -> None:
        host = self._wishes.host
        if not confirmed:
            print(f"On {safe(host.name)} itself this must show the same:")
            print(f"    ssh-keygen -lf /etc/ssh/ssh_host_{found.algorithm}_key.pub")
        if self._options.dry_run:
            return
        if not confirmed and (self._dialogue.yes or not self._dialogue.confirm("Is it the same?")):
            raise UsageError(
                "the host key was not confirmed; nothing was written to known_hosts",
                hint="compare it on the host, then say it with --fingerprint",
            )
        try:
            files.make_directory(self._known_hosts.parent)
            keys.add_known_host(self._known_hosts, keys.known_hosts_line(host.address, host.port, found))
        except OSError as error:
            raise _not_written(self._known_hosts, error) from error
        print(f"written to {self._known_hosts}")

    def source(self) -> bool:
        """What the source needs, run there or printed; returns whether it is done."""
        host = self._wishes.host
        _title(f"What {safe(host.name)} needs")
        public = keys.public_line(self._key) if self._key.exists() else _NO_KEY
        script = source_script(self._wishes, public)
        login = self._options.admin_login or self._dialogue.ask_or_none(
            f"login of an administrator there, such as root@{host.address} (empty: you do it by hand)"
        )
        administrator = Administrator.at(
            login or f"root@{host.address}",
            host.port,
            self._known_hosts,
            interactive=self._dialogue.interactive or not login,
        )
        if self._gate is not None:
            print(f"The gate goes to {GATE_PATH} there. From here:\n")
            print(f"    {shlex.join(administrator.argv(INSTALL_GATE))} <{self._gate}\n")
            print(f"The login then runs nothing else:\n\n    {authorized_keys_line(self._wishes, public)}\n")
        print(f"As root on {safe(host.name)}:\n\n{_indented(script)}")
        if self._options.dry_run:
            return False
        if login and self._dialogue.confirm(f"Run {'both' if self._gate else 'this'} there as {login}?"):
            if self._gate is not None:
                asyncio.run(administrator.run(INSTALL_GATE, self._gate.read_bytes()))
            print(safe_block(asyncio.run(administrator.run(_SCRIPT, script.encode()))), end="")
            print("the source is ready")
            return True
        return self._dialogue.confirm("Done there?") if self._dialogue.interactive else False

    def target(self) -> None:
        """The place of the replicas here, made or printed."""
        _title("The place of the replicas here")
        if not self._wishes.jobs:
            print("no new job, nothing to do")
            return
        script = target_script(self._wishes, self._config.target)
        print(f"As root here:\n\n{_indented(script)}")
        if self._options.dry_run:
            return
        if os.geteuid() == 0 and self._dialogue.confirm("Run this here?"):
            print(safe_block(asyncio.run(Administrator().run(_SCRIPT, script.encode()))), end="")
            print("the place is ready")

    def files(self) -> Config:
        """The files of the configuration; returns the configuration as it is then, or would be."""
        main = self._options.config_path
        _title(f"The configuration in {main.parent}")
        if not self._changes:
            print("the host and its jobs are there already")
        for change in self._changes:
            print(safe_block(files.shown(change)))
        if self._options.dry_run:
            return files.tried(main, self._changes)
        if not self._changes:
            return load_config(main)
        if not self._dialogue.confirm("Write this?"):
            raise UsageError("the files were not written", hint="run this again, or write them by hand")
        try:
            files.make_directory(main.parent / JOBS_DIRECTORY)
        except OSError as error:
            raise _not_written(main.parent, error) from error
        for change in self._changes:
            files.put(change)
            print(f"written: {change.path}")
        print("a running daemon takes it over with: zfspull reload")
        return load_config(main)

    def _hand_over(self, key: Path) -> None:
        """Give the key to who the daemon runs as, unless it stays root's and systemd hands the daemon a copy."""
        if os.geteuid() == 0 and not asyncio.run(hands_over(key)):
            entry = pwd.getpwnam(self._wishes.daemon_user)
            for file in (key, key.with_name(f"{key.name}.pub")):
                os.chown(file, entry.pw_uid, entry.pw_gid)


def _find_gate() -> Path:
    for path in _GATES:
        if path.is_file():
            return path
    raise UsageError(
        f"the gate is not here: looked for {', '.join(map(str, _GATES))}",
        hint="--no-gate does without it; the login then may run any command as that user",
    )


def _title(text: str) -> None:
    print(f"\n== {text}")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in safe_block(text).splitlines())


def _not_written(path: Path, error: OSError) -> LocalResourceError:
    return LocalResourceError(
        f"{path} can't be written: {error.strerror}", hint="run this as root", reason="config_directory"
    )
