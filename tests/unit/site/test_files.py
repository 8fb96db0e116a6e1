import os

import pytest

from zfspull.errors import ConfigError, LocalResourceError
from zfspull.site.files import Change, make_directory, put, shown, tried


JOB = "source: gw:tank/home\ntarget: backup/gw/home\nschedule: manual\n"


@pytest.fixture
def main(tmp_path):
    (tmp_path / "etc/jobs.d").mkdir(parents=True)
    file = tmp_path / "etc/zfspull.yaml"
    file.write_text("hosts: {gw: {address: gw}}\n")
    return file


def job(main, text=JOB, name="home"):
    return Change(main.parent / f"jobs.d/{name}.yaml", None, text)


def test_a_change_is_tried_before_it_is_made(main):
    """What would be loaded is known beforehand, old jobs included, and nothing is there yet."""
    (main.parent / "jobs.d/old.yml").write_text(JOB.replace("home", "old"))

    assert sorted(tried(main, [job(main)]).jobs) == ["home", "old"]
    assert not (main.parent / "jobs.d/home.yaml").exists()


def test_mistakes_are_told_as_of_the_files_to_be(main):
    """A mistake names the file that would be written, not the place where it was tried."""
    with pytest.raises(ConfigError) as caught:
        tried(main, [job(main, JOB.replace("gw:", "nas:"))])

    assert caught.value.problems[0].file == str(main.parent / "jobs.d/home.yaml")
    assert str(main) in caught.value.problems[0].message


def test_a_file_is_put_in_place(main):
    """A new file is there wholly, a changed one keeps its mode, and nothing else is left."""
    main.chmod(0o640)
    put(Change(main, main.read_text(), "hosts: {}\n"))
    put(job(main))

    assert (main.read_text(), main.stat().st_mode & 0o777) == ("hosts: {}\n", 0o640)
    assert sorted(path.name for path in main.parent.rglob("*")) == ["home.yaml", "jobs.d", "zfspull.yaml"]


def test_nothing_is_overwritten(main):
    """A file that came in the meantime stays, and so does one that somebody else has changed."""
    there = main.parent / "jobs.d/home.yaml"
    there.write_text("mine")
    with pytest.raises(LocalResourceError, match="exists"):
        put(job(main))
    with pytest.raises(LocalResourceError, match="somebody else"):
        put(Change(main, "something else", "new"))

    assert there.read_text() == "mine"
    assert "gw" in main.read_text()
    assert list(main.parent.rglob(".*")) == []


def test_a_change_is_shown(main):
    """A person sees the whole of a new file, and of a changed one what is new."""
    assert JOB in shown(job(main))
    lines = shown(Change(main, "a\nb\n", "a\nc\nb\n")).splitlines()
    assert "+c" in lines
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]


def test_directories_can_be_entered(tmp_path):
    """Whatever the umask of root, the daemon's user may enter what is made; what is there keeps its mode."""
    tmp_path.chmod(0o700)
    before = os.umask(0o077)
    try:
        make_directory(tmp_path / "etc/jobs.d")
    finally:
        os.umask(before)

    assert [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "etc", tmp_path / "etc/jobs.d")] == [
        0o700,
        0o755,
        0o755,
    ]
