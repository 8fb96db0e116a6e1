"""`zfspull doctor` as people start it: without a daemon, as whoever they are."""

import json

import pytest

from tests.functional.cli.test_commands import Machine
from zfspull.cli.exit_codes import ExitCode


JOB = "source: gw:tank/home\ntarget: backup/gw/home\n"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_what_is_wrong_is_told_and_counted(machine):
    """A host out of reach and a pool that is not there are findings, each once, and the exit code says that there are any."""
    machine.write(1, home=JOB)

    code, out, err = machine.run("doctor")
    assert (code, err) == (ExitCode.FAILED, "")
    assert "FAIL  there is no pool backup here" in out
    assert "> zpool import backup" in out
    assert out.count("cannot connect") == 1

    code, out, err = machine.run("doctor", "home", "--json")
    shape = json.loads(out)
    assert (code, err, shape["ok"]) == (ExitCode.FAILED, "", False)
    assert {one["check"] for one in shape["findings"] if one["level"] == "fail"} >= {"pools", "login"}


def test_a_broken_configuration(machine):
    """Mistakes in the files are told as always; for programs each is a finding."""
    machine.write(1, home=JOB + "kepe: {}\n")

    code, _, err = machine.run("doctor")
    assert code == ExitCode.CONFIG
    assert "home.yaml:3:1: kepe" in err
    code, out, _ = machine.run("doctor", "--json")
    assert code == ExitCode.CONFIG
    assert "home.yaml:3:1: kepe" in json.loads(out)["findings"][0]["text"]


def test_no_such_job(machine):
    """A job that does not exist is a mistake on the command line."""
    machine.write(1, home=JOB)

    assert machine.run("doctor", "hom")[0] == ExitCode.USAGE
