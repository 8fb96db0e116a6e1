"""From the options of `zfspull setup`, the configuration that is there and a person's answers to what is wished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zfspull.cli.failure import UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from zfspull.cli.dialogue import Dialogue
    from zfspull.cli.options import Options
    from zfspull.config.new_job import NewJob
    from zfspull.config.schema import Config, Host
    from zfspull.plan.grants import Verb
    from zfspull.site.wishes import Wishes

USER = "zfspull"
SCHEDULE = "@hourly"
NO_VERBS = "none"
_ZFS = "/usr/sbin/zfs"
"""Where zfs(8) is on Linux; an ordinary login does not look there. The gate does."""


def collect(options: Options, config: Config, dialogue: Dialogue, *, daemon_user: str, pools: Sequence[str]) -> Wishes:
    """What is to be made.

    Args:
        options: of the command.
        config: what is there.
        dialogue: for what the options do not say.
        daemon_user: who the daemon runs as.
        pools: those here, to propose a target.

    Raises:
        UsageError: something is missing, or does not fit what is there.
    """
    from zfspull.site.wishes import wished

    host = _host(options, config, dialogue)
    verbs = _verbs(options.allow if options.allow is not None else _ask_verbs(dialogue))
    jobs = _jobs(options, host.name, verbs, config, dialogue=dialogue, pools=pools)
    return wished(host, jobs, verbs, config, gate=not options.no_gate, daemon_user=daemon_user)


def settings_of(host: Host) -> dict[str, str | int]:
    """A new host as it is to stand in the main file: what is no default."""
    settings: dict[str, str | int] = {"address": host.address, "user": host.user}
    if host.port != type(host).model_fields["port"].default:
        settings["port"] = host.port
    if host.key is not None:
        settings["key"] = host.key
    if host.known_hosts != type(host).model_fields["known_hosts"].default:
        settings["known_hosts"] = host.known_hosts
    if host.zfs != type(host).model_fields["zfs"].default:
        settings["zfs"] = host.zfs[0]
    return settings


def _host(options: Options, config: Config, dialogue: Dialogue) -> Host:
    from zfspull.config.schema import Host

    given = {"address": options.address, "user": options.user, "port": options.port, "key": options.key}
    if options.host in config.hosts:
        host = config.hosts[options.host]
        for name, value in given.items():
            if value is not None and value != getattr(host, name):
                raise UsageError(
                    f"host {host.name} is there already, with {name} {getattr(host, name)}, not {value}",
                    hint=f"leave --{name} out, or change it in the main file first",
                )
        if host.jump is not None:
            raise UsageError(f"host {host.name} lies behind {host.jump}", hint="see docs/how-to/set-up.md, jump hosts")
        return host
    given["address"] = options.address or dialogue.ask(f"address of {options.host}", "--address", options.host)
    given["user"] = options.user or USER
    beside = options.config_path.resolve().parent / "known_hosts"
    if str(beside) != Host.model_fields["known_hosts"].default:
        given["known_hosts"] = str(beside)
    return _valid({**given, "name": options.host, **({"zfs": _ZFS} if options.no_gate else {})})


def _valid(settings: dict[str, object]) -> Host:
    from pydantic import ValidationError

    from zfspull.config.explain import explain
    from zfspull.config.schema import Host

    try:
        return Host.model_validate({key: value for key, value in settings.items() if value is not None})
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, where))} {message}" for where, message in explain(error, Host))
        raise UsageError(f"the host can't be so: {words}") from error


def _ask_verbs(dialogue: Dialogue) -> str:
    from zfspull.plan.grants import DEFAULT_VERBS

    question = "what zfspull may do there (snapshot, hold, bookmark, prune, or none)"
    return dialogue.ask(question, "--allow", ",".join(DEFAULT_VERBS))


def _verbs(text: str) -> tuple[Verb, ...]:
    from zfspull.plan.grants import Verb

    words = [] if text == NO_VERBS else [word.strip() for word in text.split(",")]
    for word in words:
        if word not in tuple(Verb):
            raise UsageError(f"--allow knows no {word!r}", hint=f"it knows {', '.join(Verb)}, and {NO_VERBS}")
    return tuple(verb for verb in Verb if verb in words)


def _jobs(
    options: Options,
    host: str,
    verbs: Sequence[Verb],
    config: Config,
    *,
    dialogue: Dialogue,
    pools: Sequence[str],
) -> list[NewJob]:
    from zfspull.config.new_job import NewJob
    from zfspull.plan.cursors import CursorKind
    from zfspull.plan.grants import Verb
    from zfspull.site.wishes import job_name, target_for

    sources = options.source or [dialogue.ask(f"dataset on {host} to pull, such as tank/home", "--source")]
    several = len(sources) > 1
    known = {job.source for job in config.jobs.values() if job.host == host}
    if known.issuperset(sources):
        return [
            NewJob(name="", host=host, source=source, target="", schedule="", take=False, cursor=CursorKind.NONE)
            for source in sources
        ]
    proposal = f"{pools[0] if pools else 'backup'}/{host}" + ("" if several else f"/{sources[0].rpartition('/')[2]}")
    target = options.target or dialogue.ask(
        "dataset here for the replica", "--target", proposal if dialogue.interactive else ""
    )
    schedule = options.schedule or dialogue.ask("when to pull", "--schedule", SCHEDULE)
    names = [job_name(host, source) for source in sources]
    if len(set(names)) < len(names):
        raise UsageError(f"two jobs would be called {max(names, key=names.count)}", hint="set up one source at a time")
    return [
        NewJob(
            name=job_name(host, source),
            host=host,
            source=source,
            target=target_for(target, source, several=several),
            schedule=schedule,
            take=Verb.SNAPSHOT in verbs,
            cursor=CursorKind.NONE,
        )
        for source in sources
    ]
