"""From files to a configuration, or to all their mistakes."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfspull.config import load
from zfspull.config.document import MAX_FILE_BYTES
from zfspull.config.schema import Config, MaxDestroy
from zfspull.errors import ConfigError
from zfspull.plan.keep import Keep, as_retention
from zfspull.plan.policy import Initial


SAMPLES = Path(__file__).parents[3] / "config"
INVALID = sorted(directory.name for directory in (SAMPLES / "invalid").iterdir())

MAIN = """\
hosts:
  gw: {address: 10.77.0.1}
"""
JOB = """\
source: gw:zroot/home
target: backup/home
schedule: "@hourly"
"""


@pytest.fixture
def place(tmp_path):
    """A function that writes a main file and jobs, and loads them."""

    def write(main=MAIN, **jobs):
        (tmp_path / "jobs.d").mkdir(exist_ok=True)
        for path, text in {
            "zfspull.yaml": main,
            **{f"jobs.d/{name}.yaml": text for name, text in jobs.items()},
        }.items():
            (tmp_path / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write


def load_from(directory):
    return load.load_config(directory / "zfspull.yaml")


def mistakes(directory):
    """What is wrong, each as in the message that a person sees, with paths below `directory`."""
    with pytest.raises(ConfigError) as caught:
        load_from(directory)
    assert list(caught.value.problems) == sorted(caught.value.problems)
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


def test_the_sample_is_loaded():
    """The sample configuration is valid and means what its comments say."""
    config = load_from(SAMPLES)
    home = config.jobs["home"]

    assert set(config.hosts) == {"gw", "nas"}
    assert set(config.jobs) == {path.stem for path in (SAMPLES / "jobs.d").iterdir()}
    assert config.hosts["gw"].rate_limit_bytes_per_second == 10 << 20
    assert config.hosts["nas"].zfs == ("sudo", "-n", "zfs")
    assert (config.http.address, config.http.port) == ("127.0.0.1", 9797)
    assert (home.host, home.source, home.target) == ("gw", "zroot/home", "backup/gw/home")
    assert home.keep == as_retention(
        Keep(last=3, hourly=48, daily=30, within_seconds=2 * 86400, matching=("^before-",))
    )
    assert home.timezone == "Europe/Berlin"
    assert home.schedule.text == "0 */6 * * *"
    assert len(config.sources) == 1 + len(config.jobs)


def test_the_commented_defaults_are_the_defaults():
    """What the sample says is the default, is."""
    sample, bare = load_from(SAMPLES), Config()

    assert (sample.target, sample.http, sample.limits) == (bare.target, bare.http, bare.limits)


def test_a_job_replaces_a_default_as_a_whole_and_null_undoes_it(place):
    """A value in a job replaces the whole default value; null leaves neither."""
    main = MAIN + "defaults: {schedule: '@daily', keep: {last: 3}, jitter: 5m, max_destroy: 7, initial: refuse}\n"
    plain = "source: gw:a/b\ntarget: backup/"
    config = load_from(
        place(
            main,
            a=f"{plain}a",
            b=f"{plain}b\nkeep: {{daily: 2}}",
            c=f"{plain}c\nkeep: null\nmax_destroy: ~\ninitial: all",
        )
    )

    assert [config.jobs[name].keep for name in "abc"] == [as_retention(Keep(last=3)), as_retention(Keep(daily=2)), None]
    assert [config.jobs[name].max_destroy for name in "abc"] == [MaxDestroy(count=7)] * 2 + [MaxDestroy(share=0.5)]
    assert [config.jobs[name].initial for name in "abc"] == [Initial.REFUSE, Initial.REFUSE, Initial.ALL]
    assert [config.jobs[name].jitter_seconds for name in "abc"] == [300] * 3


def test_a_null_schedule_is_missing_rather_than_manual(place):
    """A job is by hand only if it says so: undoing the default leaves it without a schedule, which is a mistake."""
    main = MAIN + "defaults: {schedule: '@daily'}\n"
    job = "source: gw:a/b\ntarget: backup/a\nschedule: "

    assert load_from(place(main, a=f"{job}manual")).jobs["a"].schedule is None
    assert mistakes(place(main, a=f"{job}null"))[0].startswith("jobs.d/a.yaml:3:1: schedule: is required here")


@pytest.mark.parametrize("name", INVALID)
def test_every_mistake_at_once(name):
    """The samples of mistakes give exactly the report beside them: each mistake, its place, and what would be right."""
    directory = SAMPLES / "invalid" / name

    assert (directory / "expected.txt").read_text().splitlines() == mistakes(directory)


def test_files_that_are_jobs(place):
    """Jobs are *.yaml and *.yml in the order of their names; hidden files, copies of editors and the like are not."""
    directory = place(b=JOB)
    for name in (".a.yaml", "b.yaml~", "b.yaml.bak", "README"):
        (directory / "jobs.d" / name).write_text("{")
    (directory / "jobs.d" / "a.yml").write_text("source: gw:a\ntarget: backup/a\nschedule: every 15m\n")

    assert list(load_from(directory).jobs) == ["a", "b"]


def test_the_name_of_a_job(place):
    """A job is called like its file unless it has a name of its own; either must be fit for a name."""
    assert list(load_from(place(a=f"name: home.1\n{JOB}")).jobs) == ["home.1"]
    assert mistakes(place(**{"a": JOB, "b c": JOB.replace("home", "x")})) == [
        (
            "jobs.d/b c.yaml:1:1: name: 'b c' is no name here: up to 64 letters, digits and _ . - are, "
            "beginning with a letter or digit"
        )
    ]


def test_a_broken_default_is_blamed_once(place):
    """A mistake in the defaults is reported where it is, not once more for each job."""
    job = "source: gw:a/b\ntarget: backup/"

    assert mistakes(place(MAIN + "defaults: {schedule: hourly}\n", a=f"{job}a", b=f"{job}b")) == [
        (
            "zfspull.yaml:3:12: defaults.schedule: 'hourly' has 1 fields; crontab's five are minute, hour, day of month, "
            'month, day of week, as in "30 2 * * *"'
        )
    ]


def test_jobs_are_looked_at_even_if_the_main_file_is_gone(place):
    """Without a main file the jobs' own mistakes are still told, and none that only follow from its absence."""
    directory = place(a="source: gw:a/b\ntarget: pool\n")
    (directory / "zfspull.yaml").unlink()

    assert mistakes(directory) == [
        "jobs.d/a.yaml:2:1: target: 'pool' is a whole pool; name a dataset in it, for example pool/home",
        "zfspull.yaml:0:0: file: there is no such file",
    ]


def test_a_job_with_mistakes_still_counts_between_jobs(place):
    """A job that has a mistake of its own is compared with the others all the same."""
    found = mistakes(place(a=JOB, b=JOB.replace("@hourly", "hourly").replace("gw:", "gwx:")))

    assert [line.split(": ")[1] for line in found] == ["source", "target", "schedule"]
    assert "did you mean 'gw'?" in found[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a\n- b\n", "must be a mapping of keys and values, is a list"),
        (b"hello", "must be a mapping of keys and values, is a single value"),
        (b"~", "must be a mapping"),
        (b"a: \xff", "is not UTF-8: byte 0xff"),
        (b"a: \x00", "holds the character"),
        (b"[" * 5000, "is nested too deeply"),
        (b"#" * (MAX_FILE_BYTES + 1), "is larger than 1 MiB"),
        (b"\xef\xbb\xbfversion: 2", "version: is 2; must be 1"),
    ],
)
def test_files_that_are_no_configuration(place, content, words):
    """A file that is empty, huge, binary or something else altogether gets a clear answer, as main file and as job."""
    assert words in mistakes(place(content))[-1]
    if b"version" not in content:
        assert words in mistakes(place(a=content))[0]


def test_files_that_cannot_be_read(place):
    """Directories, pipes and dangling links in the place of files are named, and a pipe does not block for ever."""
    directory = place()
    (directory / "jobs.d" / "a.yaml").mkdir()
    os.mkfifo(directory / "jobs.d" / "b.yaml")
    (directory / "jobs.d" / "c.yaml").symlink_to(directory / "nowhere")

    assert mistakes(directory) == [
        "jobs.d/a.yaml:0:0: file: is no regular file",
        "jobs.d/b.yaml:0:0: file: is no regular file",
        "jobs.d/c.yaml:0:0: file: there is no such file",
    ]


def test_a_missing_directory_of_jobs(tmp_path):
    """A daemon without a directory of jobs would do nothing for ever: it is a mistake; an empty one is not."""
    (tmp_path / "zfspull.yaml").write_text(MAIN)

    assert mistakes(tmp_path) == [
        "jobs.d:0:0: file: the directory of jobs can't be read: No such file or directory; create it, it may be empty"
    ]
    (tmp_path / "elsewhere").mkdir()
    assert load.load_config(tmp_path / "zfspull.yaml", tmp_path / "elsewhere").jobs == {}


@pytest.mark.parametrize(("text", "served"), [("", True), ("http: null", False), ("http: {enabled: false}", False)])
def test_http_can_be_turned_off(place, text, served):
    """HTTP is served on loopback by default, and not at all if so configured."""
    http = load_from(place(f"{MAIN}{text}\n")).http

    assert served == (http is not None)
    assert http is None or http.address == "127.0.0.1"


def test_what_a_file_holds_drives_no_terminal(place):
    """Control characters from a file are shown as escapes, so that a report stays one line for each mistake."""
    found = mistakes(place(a=JOB + '"\\e[2J\\nx": 1\n'))

    assert len(found) == 1
    assert found[0].isprintable()


def test_a_reload_can_tell_what_changed(place):
    """Jobs are equal exactly if nothing about them changed, and can be copied and pickled."""
    before = load_from(place(a=JOB, b=JOB.replace("home", "b") + "keep: {last: 1, matching: [a]}\n"))
    after = load_from(place(a=JOB + "jitter: 1m\n"))

    assert before.jobs["b"] == after.jobs["b"] == copy.deepcopy(after.jobs["b"])
    assert before.jobs["a"] != after.jobs["a"]
    assert pickle.loads(pickle.dumps(before)) == before  # noqa: S301 - our own


FRAGMENTS = [
    *"{}[]:,-?*&!|>'\"%@#~\n\t \x00\x85\ufeff\u2028",
    ": ", "- ", "<<: ", "---\n", "...\n", "%YAML 1.1\n---\n", "!!int x", "!!binary ", "&a ", "*a", "? ", "null", ".nan",
    "1e999", "9" * 5000, "0x", "0o9", "2026-02-30", "yes", '"\\ud800"', '"\\x00"', "(?i", "(" * 150, "hosts:\n", "  jump: gw\n",
]  # fmt: skip


@st.composite
def mutated(draw, texts):
    """One of `texts` with pieces cut out, put in, doubled or replaced."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from(FRAGMENTS) | st.just(text[start:end] * 2) | st.text(max_size=3))
        text = text[:start] + piece + text[end:]
    return text.encode("utf-8", draw(st.sampled_from(["replace", "surrogatepass"])))


MAINS = [(SAMPLES / "zfspull.yaml").read_text()[-2000:], (SAMPLES / "invalid/values/zfspull.yaml").read_text(), MAIN]
JOBS = [path.read_text() for path in sorted(SAMPLES.glob("**/jobs.d/*.yaml")) if "latin" not in path.name]


@settings(deadline=None)
@given(main=mutated(MAINS), job=mutated(JOBS))
def test_p8_any_file_is_loaded_or_refused(tmp_path_factory, main, job):
    """P8: whatever the files hold, the answer is a configuration or a ConfigError whose every line says where."""
    directory = tmp_path_factory.mktemp("fuzz", numbered=True)
    (directory / "jobs.d").mkdir()
    (directory / "zfspull.yaml").write_bytes(main)
    (directory / "jobs.d" / "job.yaml").write_bytes(job)
    try:
        answer = load_from(directory)
    except ConfigError as error:
        answer = error.problems

    assert answer
    if not isinstance(answer, Config):
        lines = [str(problem) for problem in answer]
        assert all(line.startswith(str(directory)) and line.isprintable() for line in lines)
        assert "\n".join(lines).encode()
