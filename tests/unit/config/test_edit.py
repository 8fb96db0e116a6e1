import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.markdown import ROOT
from zfspull.config.document import parse_document
from zfspull.config.edit import CannotEditError, add_host, scalar
from zfspull.config.load import load_config
from zfspull.config.new_job import NEW_MAIN, NewJob, job_text
from zfspull.plan.cursors import CursorKind


SETTINGS = {"address": "10.0.0.9", "user": "zfspull"}
ENTRY = "  gw:\n    address: 10.0.0.9\n    user: zfspull\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"hosts:\n{ENTRY}"),
        ("# mine\n", f"# mine\nhosts:\n{ENTRY}"),
        ("version: 1", f"version: 1\n\nhosts:\n{ENTRY}"),
        ("hosts:\ndefaults: {}\n", f"hosts:\n{ENTRY}defaults: {{}}\n"),
        ("hosts: {}\n# more\n", f"hosts:\n{ENTRY}# more\n"),
        ("hosts: {}", f"hosts:\n{ENTRY}"),
        ("hosts: # all\n  a: {address: x}", f"hosts: # all\n{ENTRY}  a: {{address: x}}"),
        ("hosts: {a: {address: x}}\n", "hosts: {gw: {address: 10.0.0.9, user: zfspull}, a: {address: x}}\n"),
        (
            "hosts:\n    # the first\n    a:\n        address: x # y\n",
            "hosts:\n    gw:\n      address: 10.0.0.9\n      user: zfspull\n    # the first\n    a:\n        address: x # y\n",
        ),
    ],
)
def test_a_host_is_added_and_nothing_else_changes(before, after):
    """Whatever the file looks like, the host comes in and each other line stays as it is."""
    assert add_host(before, "gw", SETTINGS) == after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{hosts: {}}", "one list or one {...}"),
        ("- a\n", "no mapping"),
        ("hosts:\n  gw: {address: x}\n", "already"),
        ("hosts: [a]\n", "no mapping"),
        ("hosts: &x {a: {address: b}}\ndefaults: *y\n", "YAML"),
        ("hosts: !!map\n  a: {address: b}\nhosts: {}\n", "twice"),
    ],
)
def test_what_is_not_understood_is_left_alone(text, why):
    """A file that can't be added to is an error that says why."""
    with pytest.raises(CannotEditError, match=why):
        add_host(text, "gw", SETTINGS)


def test_the_sample_keeps_every_line():
    """The sample with all its comments has one host more and has lost no line."""
    before = (ROOT / "config/zfspull.yaml").read_text()
    after = add_host(before, "new", SETTINGS)

    assert after.replace(ENTRY.replace("gw", "new"), "", 1) == before


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_any_value_is_read_back(value):
    """A value is written so that it is read as the text that it was."""
    assert parse_document("", f"x: {scalar(value)}\n".encode()).data == {"x": value}


@pytest.mark.parametrize("take", [True, False])
@pytest.mark.parametrize("cursor", CursorKind)
def test_a_new_job_is_a_configuration(tmp_path, take, cursor):
    """Main file and job as they are written are loaded without a complaint and say what was asked for."""
    job = NewJob(
        name="gw-home",
        host="gw",
        source="tank/with space",
        target="backup/gw/home",
        schedule="every 15m",
        take=take,
        cursor=cursor,
    )
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "zfspull.yaml").write_text(add_host(NEW_MAIN, "gw", SETTINGS))
    (tmp_path / "jobs.d" / job.file_name).write_text(job_text(job))

    loaded = load_config(tmp_path / "zfspull.yaml").jobs["gw-home"]

    assert (loaded.source, loaded.target, loaded.recursive) == ("tank/with space", "backup/gw/home", True)
    assert (loaded.snapshots.take, loaded.cursor) == (take, cursor)
    assert loaded.keep is not None
    assert max(map(len, job_text(job).splitlines())) <= 120
