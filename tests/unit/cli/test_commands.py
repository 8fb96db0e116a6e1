import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from zfspull.cli.commands import check_config, plan, prune, pull, reload, status
from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.failure import UsageError, explain
from zfspull.errors import ConfigError, Problem, RefusalError, TransientError, ZfspullError
from zfspull.events import Outcome, PruneRefused, PruneSkipped
from zfspull.observe.status import StatusBoard
from zfspull.plan.space import LowSpace
from zfspull.plan.steps import Plan
from zfspull.pull.preview import Preview


def _options(**changes):
    values = {"job": "home", "json": False, "dry_run": False, "confirm": None, "no_color": False, "debug": False}
    return SimpleNamespace(**{**values, **changes})


# pull


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_an_exit_code(outcome):
    """Only a run that succeeded exits with 0."""
    assert (pull.OUTCOMES[outcome] is ExitCode.OK) is (outcome is Outcome.SUCCESS)


# prune

DATASET = {
    "dataset": "b/home",
    "whole": False,
    "destroy": [{"name": "a", "guid": "1", "created_at": 0}],
    "keep": [{"name": "b", "guid": "2", "created_at": 1, "reasons": ["last 1/1", "guard: newest"]}],
}
ON_SOURCE = {"source_destroyed": 0, "source_skipped": [], "source_exceeded": None, "source_datasets": []}
REPORT = {"destroyed": 1, "skipped": [], "exceeded": None, "datasets": [DATASET], "missing_datasets": [], **ON_SOURCE}
EXCEEDED = {"message": "would destroy 9 of 10", "hint": "look", "count": 9, "limit": 5}


def _fate(**fields):
    return {"dataset": "b/gone", "missing_seconds": 864000.0, "action": "keep", "obstacles": [], "to": None, **fields}


@pytest.mark.parametrize(
    ("fate", "shown"),
    [
        (_fate(), "b/gone: missing on the source for 10d; it stays"),
        (_fate(obstacles=["it is mounted"]), "b/gone: missing on the source for 10d; it stays: it is mounted"),
        (
            _fate(action="destroy"),
            "b/gone: missing on the source for 10d; it would be destroyed with all of its snapshots",
        ),
        (_fate(action="rename_aside", to="b/x"), "b/gone: missing on the source for 10d; it would be renamed to b/x"),
        (
            _fate(action="rename_aside"),
            "b/gone: missing on the source for 10d; it would be renamed with what lies above it",
        ),
    ],
)
def test_a_dry_run_tells_what_becomes_of_missing_datasets(capsys, fate, shown):
    """Each that is gone on the source has a line: for how long, and its fate."""
    prune.tell({**REPORT, "missing_datasets": [fate], "freed_bytes": None}, _options(dry_run=True))

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines.count(shown) == 1


def test_a_prune_ends_with_what_holds_the_rest(capsys):
    """The last lines say how many are gone, and which rules hold those that stay."""
    assert prune.tell(REPORT, _options()) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        "home: 1 snapshot destroyed",
        "  b/home: 1 snapshot held by rules and guards: last 1, guard: newest 1",
    ]


def test_a_dry_run_shows_the_table(capsys):
    """What would go and what stays is listed, with the time of each, and nothing is claimed to be done."""
    assert prune.tell(REPORT, _options(dry_run=True)) == ExitCode.OK

    out = capsys.readouterr().out
    assert "b/home@a" in out
    assert "no keep rule holds it" in out
    assert "1 snapshot would be destroyed" in out


@pytest.mark.parametrize("dry_run", [False, True])
def test_too_much_is_refused_with_the_way_to_confirm(dry_run):
    """Beyond max_destroy the command says how a person can confirm, and exits with 3."""
    report = {**REPORT, "destroyed": 0, "exceeded": EXCEEDED}

    with pytest.raises(RefusalError) as caught:
        prune.tell(report, _options(dry_run=dry_run))

    assert caught.value.message == "would destroy 9 of 10"
    assert "zfspull prune home --confirm=home" in caught.value.hint


def test_what_goes_on_the_source_is_told_with_the_rest(capsys):
    """A job that prunes its source has both in its report; too much on either side needs to be confirmed."""
    both = {**REPORT, "source_destroyed": 2, "source_datasets": [{**DATASET, "dataset": "z/home"}]}
    assert prune.tell(both, _options()) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        "home: 1 snapshot destroyed, 2 snapshots on the source",
        "  b/home: 1 snapshot held by rules and guards: last 1, guard: newest 1",
        "  z/home: 1 snapshot held by rules and guards: last 1, guard: newest 1",
    ]
    prune.tell(both, _options(dry_run=True))
    assert "\non the source:\n" in capsys.readouterr().out

    too_much = {**both, "exceeded": EXCEEDED, "source_exceeded": {**EXCEEDED, "message": "8 on the source"}}
    with pytest.raises(RefusalError) as caught:
        prune.tell(too_much, _options())
    assert caught.value.message == "would destroy 9 of 10; 8 on the source"
    assert prune.tell({**both, "source_exceeded": EXCEEDED}, _options(json=True)) == ExitCode.REFUSED


def test_the_json_of_a_prune_is_the_report(capsys):
    """Programs get the whole report, also of a refusal, and the exit code."""
    assert prune.tell({**REPORT, "exceeded": EXCEEDED}, _options(json=True)) == ExitCode.REFUSED
    assert json.loads(capsys.readouterr().out) == {"job": "home", "dry_run": False, **REPORT, "exceeded": EXCEEDED}


@pytest.mark.parametrize(("kind", "code"), [("transient", ExitCode.TRY_LATER), ("permanent", ExitCode.PERMISSION)])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_source_that_could_not_be_asked_is_no_success(capsys, kind, code, dry_run):
    """P6: a prune that destroyed nothing since it could not see the base says so with a hint, and exits as a plan does."""
    report = {
        **REPORT,
        "destroyed": 0,
        "unreachable": {"kind": kind, "message": "no answer from gw", "hint": "is it up?"},
    }

    with pytest.raises(ZfspullError) as caught:
        prune.tell(report, _options(dry_run=dry_run))

    assert "could not be asked" in caught.value.message
    assert "no answer from gw" in caught.value.message
    assert caught.value.hint == "is it up?"
    assert explain(caught.value).code == code
    assert ("b/home@b" in capsys.readouterr().out) is dry_run
    assert prune.tell(report, _options(json=True, dry_run=dry_run)) == code
    assert json.loads(capsys.readouterr().out)["unreachable"]["hint"] == "is it up?"


@pytest.mark.parametrize("confirm", ["", "yes", "hom", "vm"])
def test_a_confirmation_must_name_the_job(confirm):
    """P1: a confirmation that names another job, or none, confirms nothing."""
    with pytest.raises(UsageError, match="nothing was done"):
        prune.run(_options(confirm=confirm))


def test_a_refusal_is_told_once(capsys):
    """The events of a prune are shown as they come, but for the refusal, which ends the command with its way out."""
    told = prune._Told()
    told.emit(PruneRefused(at=1, job="home", message="too much", hint="look", count=9, limit=5))
    told.emit(PruneSkipped(at=1, job="home", dataset="b", name="x", reason="held"))

    assert capsys.readouterr().out == "b@x: not pruned: held\n"


# plan


class _Ends:
    def source(self, host):
        return None

    target = None
    machine = ""
    low_space = LowSpace()

    def slots(self, host):
        return None

    def refused(self, host):
        return set()

    def stall_timeout_seconds(self, host):
        return 600.0


async def _preview(job, context):
    if job.name == "away":
        raise TransientError("no answer", hint="is it up?")
    return Preview(plan=Plan(source_root=job.source, target_root=job.target), bytes={}, prune=())


async def test_one_host_out_of_reach_spoils_no_other_plan(monkeypatch, make_config):
    """P10: a job that can't be looked at has its error in its own place."""
    monkeypatch.setattr("zfspull.pull.preview.preview_job", _preview)
    config = make_config("away", "home", "vm")

    results = await plan.preview_all(list(config.jobs.values()), SimpleNamespace(ends=_Ends(), config=config))

    assert [(shape["job"], bool(shape["error"])) for shape, _ in results] == [
        ("away", True),
        ("home", False),
        ("vm", False),
    ]
    assert plan.exit_code([shape for shape, _ in results], [error for _, error in results if error]) == ExitCode.FAILED


def test_the_exit_code_of_a_plan_tells_what_is_wanted():
    """0 for a plan that can be carried out, 3 where a decision is needed, one job's own error by its kind."""
    good, refused = {"totals": {"refused": 0}}, {"totals": {"refused": 1}}

    assert plan.exit_code([good, good], []) == ExitCode.OK
    assert plan.exit_code([good, refused], []) == ExitCode.REFUSED
    assert plan.exit_code([good], [TransientError("gone")]) == ExitCode.TRY_LATER


# status


class _Daemon:
    def __init__(self, **answers):
        self.answers = answers

    async def status(self):
        return self.answers["status"]

    async def reload(self):
        return self.answers["reload"]


STATUS = {**StatusBoard().snapshot(1), "jobs": {"home": {}, "vm": {}}}


async def test_the_status_of_one_job_is_of_that_job():
    """Naming a job leaves the others out; naming none that exists is a usage error with suggestions."""
    daemon = _Daemon(status=STATUS)

    assert await status.ask(daemon, _options(job=None)) == STATUS
    assert (await status.ask(daemon, _options(job="vm")))["jobs"] == {"vm": {}}
    with pytest.raises(UsageError):
        await status.ask(daemon, _options(job="wm", config_path=Path("/nonexistent")))


def test_a_picture_of_another_version_is_not_guessed_at():
    """P8: after an upgrade without a restart the command says so instead of failing in the middle."""
    with pytest.raises(ZfspullError, match="version 99"):
        status.view({**STATUS, "version": 99}, None)


# reload


@pytest.mark.parametrize(
    ("answer", "code", "out", "err"),
    [
        ({"ok": True, "jobs": 2, "message": ""}, ExitCode.OK, "reloaded: 2 jobs\n", ""),
        (
            {"ok": False, "jobs": 0, "message": "a.yaml:1:1: x: bad\x1b"},
            ExitCode.CONFIG,
            "",
            "a.yaml:1:1: x: bad\\x1b\n",
        ),
    ],
)
async def test_a_reload_tells_how_it_went(monkeypatch, capsys, *, answer, code, out, err):
    """Who reloads learns at once whether the new configuration is in force, and every mistake if it is not."""

    async def connect(path):
        return _Daemon(reload=answer)

    monkeypatch.setattr("zfspull.daemon.client.connect", connect)

    assert await reload._reload(SimpleNamespace(socket_path=None)) == code
    captured = capsys.readouterr()
    assert captured.out == out
    assert captured.err.startswith(err)


# check-config


def test_the_json_of_a_check_lists_every_mistake():
    """Programs get file, line, column, key and message of each."""
    error = ConfigError([Problem("a.yaml", 3, 1, "shedule", "is unknown")])

    assert check_config.as_json(error) == {
        "ok": False,
        "jobs": [],
        "problems": [{"file": "a.yaml", "line": 3, "column": 1, "key": "shedule", "message": "is unknown"}],
        "unknown": [],
    }
