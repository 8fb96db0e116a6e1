"""What single values may be, and what they become."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from zfspull.config.explain import explain
from zfspull.config.schema import Host, Http, Job, Keep, Limits, MaxDestroy, Snapshots, TargetSettings
from zfspull.plan.missing import Missing, MissingAction
from zfspull.plan.policy import Policy
from zfspull.plan.retention import Keep as KeepRules
from zfspull.plan.retention import Retention, RuleSet
from zfspull.plan.snapshot_names import taken_name
from zfspull.plan.space import LowSpace


def host(**keys):
    return Host(name="gw", **{"address": "10.77.0.1", **keys})


def job(**keys):
    return Job(name="home", **{"source": "gw:zroot/home", "target": "backup/home", "schedule": "@daily", **keys})


def mistake(make, **keys):
    """The first mistake in what a person reads: key and words."""
    with pytest.raises(ValidationError) as caught:
        make(**keys)
    where, message = next(explain(caught.value, {host: Host, job: Job}.get(make, make)))
    return f"{'.'.join(map(str, where))}: {message}"


def test_a_host_has_sensible_defaults():
    """A host needs an address; all else has a default, with times in seconds."""
    gw = host()

    assert (gw.port, gw.user, gw.zfs, gw.streams, gw.key, gw.jump) == (22, "root", ("zfs",), 2, None, None)
    assert gw.rate_limit_bytes_per_second is None
    assert (gw.connect_timeout_seconds, gw.command_timeout_seconds) == (30, 600)
    assert (gw.keepalive_interval_seconds, gw.stall_timeout_seconds) == (15, 600)


def test_units_become_seconds_and_bytes():
    """What carries a unit in the file is a plain number in seconds or bytes per second afterwards."""
    gw = host(rate_limit="80 Mbit/s", stall_timeout="1h30m", zfs="/usr/local/sbin/zfs")

    assert (gw.rate_limit_bytes_per_second, gw.stall_timeout_seconds) == (10_000_000, 5400)
    assert gw.zfs == ("/usr/local/sbin/zfs",)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"address": ""}, "address: '' must be one word"),
        ({"address": "a b"}, "must be one word without spaces"),
        ({"address": "-oProxyCommand=x"}, "must be one word"),
        ({"address": "gw:22"}, "the port in a key of its own"),
        ({"address": "[::1]"}, "without a port or brackets"),
        ({"address": 10.77}, "address: must be text, is 10.77; put quotes around it"),
        ({"port": 0}, "port: must be at least 1, is 0"),
        ({"port": "22"}, "port: must be a whole number, is '22'"),
        ({"port": True}, "port: must be a whole number, is true"),
        ({"user": "a b"}, "user: 'a b' must be one word"),
        ({"key": "~/.ssh/id"}, "must be an absolute path"),
        ({"zfs": []}, "zfs: must name a command"),
        ({"zfs": ["sudo", 1]}, "zfs: must be text, is 1"),
        ({"zfs": ["sudo", ""]}, "zfs: has an empty word"),
        ({"streams": 1.5}, "streams: must be a whole number, is 1.5"),
        ({"streams": 7}, "streams: must be at most 6, is 7"),
        ({"rate_limit": "0 B/s"}, "leave it out for no limit"),
        ({"connect_timeout": "0s"}, "must be longer than nothing"),
        ({"connect_timeout": True}, "must be text, is true"),
        ({"connect_timeout_seconds": 5}, "unknown key; did you mean 'connect_timeout'?"),
        ({"jump": "a/b"}, "is no name here"),
    ],
)
def test_mistakes_in_a_host(keys, words):
    """A host that can't be is refused with the way to write it."""
    assert words in mistake(host, **keys)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("gw:zroot", ("gw", "zroot")),
        ("gw:zroot/a:b c", ("gw", "zroot/a:b c")),
        ("gw:z:root/x", ("gw", "z:root/x")),
    ],
)
def test_the_first_colon_parts_host_and_dataset(source, expected):
    """A dataset's name may have colons and spaces; the first colon ends the host."""
    assert (job(source=source).host, job(source=source).source) == expected


def test_a_job_has_sensible_defaults():
    """A job that says nothing more pulls all snapshots of one dataset and destroys none."""
    home = job()

    assert home.keep is None
    assert home.policy == Policy()
    assert not home.recursive
    assert not home.snapshots.take
    assert (home.retry.attempts, home.retry.initial_seconds, home.retry.maximum_seconds) == (5, 5, 300)
    assert home.max_destroy == MaxDestroy(share=0.5)
    assert str(home.zone) == "UTC"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (20, MaxDestroy(count=20)),
        (0, MaxDestroy(count=0)),
        ("50%", MaxDestroy(share=0.5)),
        ("12.5 %", MaxDestroy(share=0.125)),
    ],
)
def test_max_destroy(written, meant):
    """A number is a count of snapshots, per cent a share of them."""
    assert meant == job(max_destroy=written).max_destroy


def test_keep_becomes_the_rules_of_retention():
    """What is written becomes the rules that retention works by; one regular expression needs no list."""
    keep = {"last": 1, "yearly": 2, "within": "14d", "matching": "^a", "not_matching": ["b", "c"]}
    rules = KeepRules(last=1, yearly=2, within_seconds=14 * 86400, matching=("^a",), not_matching=("b", "c"))

    assert job(keep=keep).keep == Retention((RuleSet(rules),))


def test_a_list_of_keeps_becomes_rule_sets():
    """Each member judges the names that its pattern matches; `all` stands in the place of rules."""
    keep = [{"snapshots": "_hourly$", "hourly": 48}, {"snapshots": "^manual", "all": True}]

    assert job(keep=keep).keep == Retention((RuleSet(KeepRules(hourly=48), "_hourly$"), RuleSet(None, "^manual")))
    assert job(keep=job(keep=keep).keep_shape).keep == job(keep=keep).keep


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"source": "zroot/a:b"}, "names no host; write host:dataset"),
        ({"source": "gw:"}, "has no valid pool name"),
        ({"source": "gw:a@b"}, "has no valid pool name"),
        ({"source": ":a/b"}, "'' is no name here"),
        ({"target": "backup/a@b"}, "target: 'backup/a@b' has the component"),
        ({"target": "backup/" + "x" * 250}, "longer than the 255 bytes"),
        ({"timezone": "../../etc/passwd"}, "is no time zone"),
        ({"timezone": ""}, "is no time zone"),
        ({"timezone": "Europe"}, "is no time zone"),
        ({"keep": {}}, "would keep nothing but the guards"),
        ({"keep": {"last": 0, "within": "0s"}}, "would keep nothing but the guards"),
        ({"keep": {"within": "500ms"}}, "within must be whole seconds"),
        ({"keep": 3}, "keep: must be a mapping of keys and values, is 3"),
        ({"keep": []}, "keep: there is no rule set"),
        ({"keep": [{"last": 1}]}, "keep.0.snapshots: is required: a regular expression"),
        ({"keep": [{"snapshots": "a"}]}, "keep.0: would keep nothing but the guards"),
        ({"keep": [{"snapshots": "a", "all": False}]}, "keep.0: would keep nothing but the guards"),
        ({"keep": [{"snapshots": "a", "all": True, "last": 1}]}, "keep.0: all: true keeps everything that matches"),
        ({"keep": [{"snapshots": "(", "last": 1}]}, "keep.0.snapshots: '(' is no regular expression"),
        ({"keep": [{"snapshots": "a", "within": "500ms"}]}, "keep.0: within must be whole seconds"),
        ({"keep": [{"snapshots": "a", "last": 1}, {"snapshots": "a", "all": True}]}, "keep: two rule sets are for 'a'"),
        ({"keep": [{"snapshots": "a", "al": True}]}, "keep.0.al: unknown key; did you mean 'all'?"),
        ({"keep": [3]}, "keep.0: must be a mapping of keys and values, is 3"),
        ({"keep": {"snapshots": "a", "last": 1}}, "keep: rule sets stand in a list"),
        ({"keep": {"not_matching": "("}}, "'(' is no regular expression"),
        ({"keep": {"matching": ["a", "[["]}}, "keep.matching.1: '[[' is no regular expression"),
        ({"keep": {"matching": ["[[a]"]}}, "is no regular expression: Possible nested set"),
        ({"max_destroy": "101%"}, "a share of them (50%)"),
        ({"max_destroy": True}, "a share of them (50%)"),
        ({"max_destroy": 0.5}, "a share of them (50%)"),
        ({"initial": "newst"}, "initial: is 'newst'; must be all or newest or refuse; did you mean 'newest'?"),
        ({"retry": {"initial": "1h"}}, "retry: initial is longer than maximum"),
        ({"snapshots": {"prefix": "a@b"}}, "'a@b' is no snapshot name"),
        ({"snapshots": {"prefix": "x" * 101}}, "longer than 100 characters"),
        ({"exclude": "cache"}, "exclude: must be a list: [one, two], is 'cache'"),
        ({"jitter": "-1s"}, "jitter: '-1s' is no length of time"),
        ({"schedule": 5}, "schedule: must be text, is 5"),
    ],
)
def test_mistakes_in_a_job(keys, words):
    """A job that can't be is refused with the way to write it."""
    assert words in mistake(job, **keys)


def test_a_job_pulls_the_snapshots_that_it_takes():
    """Taking snapshots that the job's own match leaves out is a mistake; those it does pull are fine."""
    assert Snapshots(take=True, prefix="daily", match="^daily_").take
    assert re.search("^daily_", taken_name("daily", 0))
    assert not Snapshots(prefix="daily", match="^other_").take
    assert "would not pull what take takes" in mistake(Snapshots, take=True, prefix="daily", match="^other_")


@pytest.mark.parametrize(
    ("listen", "address", "port"),
    [("127.0.0.1:9797", "127.0.0.1", 9797), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_listening(listen, address, port):
    """Addresses of both kinds and names may be listened on."""
    http = Http(listen=listen)

    assert (http.address, http.port) == (address, port)


@pytest.mark.parametrize("listen", ["9797", ":9797", "::1:9797", "a:b", "a:70000", "a b:1", "[a:1", ""])
def test_listening_nowhere(listen):
    """What is no address with a port is refused."""
    assert "must be address:port" in mistake(Http, listen=listen)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"properties": {"canmount": "off"}}, "volumes have no canmount; move it to filesystem_properties"),
        ({"filesystem_properties": {"mountpoint": "none"}}, "mountpoint is both set and excluded"),
        ({"properties": {"encryption": "on"}}, "a raw stream brings its own"),
        ({"properties": {"readonly": True}}, "must be on or off"),
        ({"properties": {"Read Only": "on"}}, "is no property of ZFS"),
        ({"properties": {"org:x": ""}}, "is no value of a property"),
    ],
)
def test_properties_that_receive_would_refuse(keys, words):
    """What zfs recv would refuse in the middle of the night is refused when the file is read."""
    assert words in mistake(TargetSettings, **keys)


def test_properties_that_receive_takes():
    """Numbers need no quotes, and user properties are properties."""
    settings = TargetSettings(properties={"copies": 2, "org.example:backup": "yes"})

    assert settings.properties == {"copies": "2", "org.example:backup": "yes"}


def test_an_empty_keep_is_nothing_to_build():
    """Nobody can make rules that keep nothing, not even in code."""
    with pytest.raises(ValidationError, match="would keep nothing"):
        Keep()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5%", LowSpace(share=0.05)),
        ("0%", LowSpace(share=0.0)),
        ("100 %", LowSpace(share=1.0)),
        ("200 GiB", LowSpace(size_bytes=200 << 30)),
    ],
)
def test_low_space(written, meant):
    """A share of the pool or a size; without one, 5%."""
    assert Limits(low_space=written).low_space == meant
    assert Limits().low_space == LowSpace(share=0.05)


@pytest.mark.parametrize("written", [5, 0.05, True, "6", "101%", "five", "-1%", "", None])
def test_low_space_has_a_unit(written):
    """What could be bytes or per cent is refused rather than guessed."""
    with pytest.raises(ValidationError):
        Limits(low_space=written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("keep", Missing()),
        ("rename_aside", Missing(MissingAction.RENAME_ASIDE, 7 * 86_400)),
        ({"rename_aside_after": "30d"}, Missing(MissingAction.RENAME_ASIDE, 30 * 86_400)),
        ({"destroy_after": "90d"}, Missing(MissingAction.DESTROY, 90 * 86_400)),
        ({"destroy_after": "1d"}, Missing(MissingAction.DESTROY, 86_400)),
    ],
)
def test_missing(written, meant):
    """What becomes of datasets that the source lost: a word, or one action with its time."""
    assert job(missing=written).missing == meant


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"missing": "destroy"}, "missing: is 'destroy'; must be keep, rename_aside, {rename_aside_after: 30d} or"),
        ({"missing": True}, "must be keep"),
        ({"missing": {}}, "must be keep"),
        ({"missing": {"destroy_after": "90d", "rename_aside_after": "30d"}}, "must be keep"),
        ({"missing": {"destroy": "90d"}}, "must be keep"),
        (
            {"missing": {"destroy_after": "23h"}},
            "must be at least 1d, is '23h': somebody must have had the time to look",
        ),
        ({"missing": {"destroy_after": 90}}, "no unit"),
        ({"missing": {"rename_aside_after": "0s"}}, "longer than nothing"),
        ({"mirror": {"grace": "7d"}}, "mirror.snapshots: is required"),
        ({"mirror": {"snapshots": True, "grace": "0s"}}, "mirror.grace: must be longer than nothing"),
        ({"mirror": {"snapshots": True, "datasets": True}}, "mirror.datasets: unknown key"),
        ({"mirror": True}, "mirror: must be a mapping"),
    ],
)
def test_what_the_source_lost_is_asked_for_plainly(keys, words):
    """Nothing that destroys is guessed: a wrong word, a time too short or none at all is a mistake."""
    assert words in mistake(job, **keys)


def test_a_mirror_has_a_grace_of_a_week():
    """Unless it is said otherwise; and without `snapshots: true` there is no mirror."""
    assert job(mirror={"snapshots": True}).mirror_grace_seconds == 7 * 86_400
    assert job(mirror={"snapshots": True, "grace": "2d"}).mirror_grace_seconds == 2 * 86_400
    assert job(mirror={"snapshots": False}).mirror_grace_seconds is None
    assert job().mirror_grace_seconds is None
