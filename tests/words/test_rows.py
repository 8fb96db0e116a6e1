"""Each row of the table of texts, provoked on real OpenZFS; 2.1 too where ZFSPULL_LAB_RELEASES=trixie,bookworm asks for it."""

import contextlib
import os
import re
from dataclasses import dataclass

import pytest

from tests.words.cases import CASES, script
from zfspull.zfs.stderr import classify
from zfspull.zfs.texts import TABLE


OPENZFS = {"trixie": "2.3", "bookworm": "2.1"}
RELEASES = os.environ.get("ZFSPULL_LAB_RELEASES", "trixie").split(",")
SCRIPT_SECONDS = 840  # all cases are provoked for the first test; 100 on an idle host


@dataclass(frozen=True)
class Said:
    status: int
    stderr: str


@pytest.fixture(scope="module")
def said(request):
    """What `said(release)` gives: the outcome of each case there, all provoked in one shell when first asked for."""
    outcomes = {}

    def on(release):
        if release not in outcomes:
            outcomes[release] = provoke(request, release)
        return outcomes[release]

    return on


def provoke(request, release):
    """A machine of their own: the cases suspend a pool, and fill and damage others."""
    lab = request.getfixturevalue("lab")
    name = f"words-{release}"[:15]
    with contextlib.ExitStack() as stack:
        machine = lab.machine(name, release=release, on_link=False)
        stack.callback(machine.power_cut)
        lab.boot(machine)
        return outcomes_on(machine, OPENZFS[release])


def outcomes_on(machine, version):
    assert machine.run("cat /sys/module/zfs/version").stdout.startswith(f"{version}.")
    printed = machine.run(["bash", "-s"], input=script(), timeout_seconds=SCRIPT_SECONDS, check=False).stdout
    parts = re.split(r"^@@ (\d+) (\d+)\n", printed, flags=re.MULTILINE)[1:]
    return {
        int(number): Said(int(status), text.rstrip("\n"))
        for number, status, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def chosen():
    for release in RELEASES:
        for number, case in enumerate(CASES):
            if OPENZFS[release] in case.releases:
                name = re.sub(r"\W+", "-", case.text)
                yield pytest.param(release, number, id=f"{release}-{number}-{case.side}-{name}")


@pytest.mark.lab
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("release", "number"), list(chosen()))
def test_zfs_says_it_and_it_is_understood(said, release, number):
    """What real zfs(8) says in this trouble is found as exactly the row meant, and it ends with the status known for it."""
    case, outcome = CASES[number], said(release)[number]

    row = classify(case.side, outcome.stderr)

    assert case.text in outcome.stderr
    assert row is not None
    assert (row.text, outcome.status) == (case.text, case.status), outcome.stderr


def test_table_says_where_each_row_was_provoked():
    """`seen` of a row is exactly the versions that a case provokes it on: a row without a case is marked as unprovoked."""
    provoked = {(row.text, row.side): set() for row in TABLE}
    for case in CASES:
        row = classify(case.side, case.text)
        assert row is not None
        assert row.text == case.text
        provoked[row.text, row.side].update(case.releases)

    assert {key: set(seen) for key, seen in seen_by_row().items()} == provoked


def seen_by_row():
    return {(row.text, row.side): row.seen for row in TABLE}
