"""`zfspull retention`: the shape of what was seen, made-up listings, and the command line."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from zfspull.cli.commands import retention
from zfspull.cli.failure import UsageError
from zfspull.cli.retention_look import Look, look_at_moment, simulated
from zfspull.cli.retention_shape import Judged, judged_shape
from zfspull.config.schema import Job
from zfspull.errors import TransientError
from zfspull.events import Fanout
from zfspull.plan.expectation import expect
from zfspull.plan.keep import Keep, as_retention
from zfspull.plan.prune import DatasetPrune, LimitExceeded
from zfspull.plan.simulation import parse_simulation
from zfspull.zfs.model import Dataset, Kind, Snapshot, Tree


HOUR, DAY = 3600, 86_400
NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())


class Clock:
    def now(self):
        return float(NOW)


class Target:
    """A target with one dataset and one that the job leaves out."""

    def __init__(self, snapshots):
        self.snapshots = tuple(snapshots)

    async def list_tree(self, root, *, recursive):
        return Tree(
            root=root,
            datasets={
                path: Dataset(
                    name=f"{root}{path and '/'}{path}", kind=Kind.FILESYSTEM, guid=1, snapshots=self.snapshots
                )
                for path in ("", "cache")
            },
        )


def _job(**keys):
    return Job.model_validate(
        {"name": "home", "source": "gw:tank/home", "target": "backup/home", "schedule": "@hourly", **keys}
    )


def _hourly(count):
    return tuple(
        Snapshot(name=f"s{guid}", guid=guid, createtxg=guid, creation=NOW - HOUR * (count - guid))
        for guid in range(1, count + 1)
    )


def _context(snapshots):
    return SimpleNamespace(target=Target(snapshots), clock=Clock(), events=Fanout())


def _judged(snapshots, kept, rules, **more):
    return Judged(
        prune=DatasetPrune(
            "backup/home",
            tuple(one for one in snapshots if one.guid not in kept),
            kept,
            tuple(one for one in snapshots if one.guid in kept),
        ),
        rules=rules,
        **{
            "retention": as_retention(Keep(last=1)),
            "expected": expect(snapshots, as_retention(Keep(last=1)), taking=None, now=NOW),
            **more,
        },
    )


def _fates(shape):
    return [(one["fate"], one["goes"], one["goes_at"]) for one in shape["snapshots"]]


KEPT = {2: ("guard: held",), 3: ("guard: base",), 4: ("last 1/1", "guard: newest"), 5: ("last 1/1", "guard: cloned")}


def test_each_snapshot_has_its_fate_and_its_end():
    """What goes, what a lasting guard holds, what a passing one holds, what a rule keeps, and what both do."""
    judged = _judged(_hourly(5), KEPT, {4: ("last 1/1",), 5: ("last 1/1",)}, retention=as_retention(Keep(last=2)))

    shape = judged_shape(judged, zone=_job().zone, at=NOW)

    assert _fates(shape) == [
        ("go", "now", NOW),
        ("guarded", "held", None),
        ("guarded", "at", NOW + HOUR),
        ("keep", "unforeseen", None),
        ("keep", "held", NOW + HOUR),
    ]
    assert {name: shape["totals"][name] for name in ("snapshots", "kept", "guarded", "going")} == {
        "snapshots": 5,
        "kept": 2,
        "guarded": 2,
        "going": 1,
    }
    assert shape["days"] == [{"day": "2026-11-21", "kept": 4, "total": 5}]
    assert shape["assumed"] == [{"set": None, "rhythm": "every 1h", "ground": "median"}]


def test_snapshots_are_listed_in_the_order_of_the_pool():
    """Of the same second, or with a clock set back in between, the one that came later stands later."""
    moments = {"z": NOW, "a": NOW, "m": NOW - DAY}
    snapshots = tuple(
        Snapshot(name=name, guid=guid, createtxg=guid, creation=at)
        for guid, (name, at) in enumerate(moments.items(), 1)
    )

    shape = judged_shape(_judged(snapshots, {2: ("last 1/1",)}, {2: ("last 1/1",)}), zone=_job().zone, at=NOW)

    assert [one["name"] for one in shape["snapshots"]] == ["z", "a", "m"]


def test_a_mirror_that_decides_alone_is_not_foreseen():
    """What the source will lose nobody knows: a mirror's snapshots are held, and no long run is told."""
    snapshots = _hourly(2)
    kept = {1: ("on the source",), 2: ("on the source", "guard: newest")}

    shape = judged_shape(_judged(snapshots, kept, {}, retention=None, expected=()), zone=_job().zone, at=NOW)

    assert _fates(shape) == [("keep", "held", None)] * 2
    assert shape["totals"]["steady"] is None


def test_without_the_source_the_guard_of_the_unknown_base_does_not_last():
    """Until the source answers nothing goes; that is no lasting guard, and the forecast stands."""
    snapshots = _hourly(2)
    kept = {1: ("guard: base unknown",), 2: ("last 1/1", "guard: base unknown", "guard: newest")}
    judged = _judged(snapshots, kept, {2: ("last 1/1",)}, passing=frozenset({"guard: base unknown"}))

    assert _fates(judged_shape(judged, zone=_job().zone, at=NOW)) == [
        ("guarded", "at", NOW + HOUR),
        ("keep", "at", NOW + HOUR),
    ]


def test_the_whole_shape_tells_what_was_in_the_way():
    """Why the source was not asked, and why the next prune would be refused, stand in the JSON."""
    exceeded = LimitExceeded(9, 5, 10, "too much", "look")
    seen = Look(job=_job(), at=NOW, judged=(), unreachable=TransientError("away", hint="up?"), exceeded=exceeded)

    shape = json.loads(json.dumps(seen.shape()))

    assert shape["unreachable"] == {"kind": "transient", "message": "away", "hint": "up?"}
    assert shape["exceeded"] == {"message": "too much", "hint": "look", "count": 9, "limit": 5}
    assert (shape["datasets"], shape["simulated"], shape["zone"]) == ([], None, "UTC")


def test_a_simulation_shows_what_rules_come_to():
    """A long enough listing is in its steady state, and each that stays has its end."""
    job = _job(keep={"last": 2, "daily": 7}, timezone="Europe/Berlin")

    shape = simulated(job, parse_simulation("hourly for 60d"), None, Clock()).shape()

    (dataset,) = shape["datasets"]
    assert dataset["totals"] == {
        "snapshots": 1440, "kept": 8, "guarded": 0, "going": 1432, "steady": 8, "grows": False,
    }  # fmt: skip
    assert {one["goes"] for one in dataset["snapshots"] if one["fate"] == "keep"} == {"at"}
    assert shape["at"] == NOW


def test_a_simulation_shows_each_rule_set_by_itself():
    """Made-up names match no pattern, so each set judges all."""
    job = _job(keep=[{"snapshots": "_hourly$", "hourly": 3}, {"snapshots": "^manual", "all": True}])

    first, second = simulated(job, parse_simulation("hourly for 1d"), float(NOW), Clock()).shape()["datasets"]

    assert (first["set"], first["totals"]["kept"], first["totals"]["grows"]) == ("_hourly$", 3, False)
    assert (second["set"], second["totals"]["kept"], second["totals"]["grows"]) == ("^manual", 24, True)


async def test_a_later_moment_has_what_arrives_until_then():
    """As of tomorrow, today's snapshots have made room for those that are assumed to arrive; what is excluded is not shown."""
    job = _job(keep={"last": 3}, recursive=True, exclude=["cache"])

    seen = await look_at_moment(job, _context(_hourly(5)), NOW + 2 * HOUR)

    (dataset,) = seen.shape()["datasets"]
    kept = [one for one in dataset["snapshots"] if one["fate"] == "keep"]
    assert [(one["name"], one["guid"], one["created_at"]) for one in kept] == [
        ("s5", "5", NOW),
        ("s5", None, NOW + HOUR),
        ("s5", None, NOW + 2 * HOUR),
    ]


async def test_an_earlier_moment_has_what_had_arrived_by_then():
    """As of an hour ago, the newest is not there, and the one before it is the newest."""
    seen = await look_at_moment(_job(keep={"last": 1}), _context(_hourly(5)), NOW - HOUR)

    shape = seen.shape()["datasets"][0]
    assert [(one["name"], one["fate"]) for one in shape["snapshots"]][-2:] == [("s3", "go"), ("s4", "keep")]


async def test_a_moment_too_far_ahead_is_refused():
    """A listing of millions is a mistake in the command line."""
    with pytest.raises(UsageError, match="more than 200000"):
        await look_at_moment(_job(keep={"last": 1}), _context(_hourly(5)), NOW + 100 * 365.0 * DAY)


async def test_what_the_job_takes_is_assumed_at_its_schedule():
    """A job that takes snapshots has its schedule for a rhythm, unless it leaves out what was not written."""
    for snapshots, ground in (({"take": True}, "schedule"), ({"take": True, "skip_if_unwritten": True}, "median")):
        seen = await look_at_moment(_job(keep={"last": 1}, snapshots=snapshots), _context(_hourly(5)), NOW)
        assert seen.shape()["datasets"][0]["assumed"][0]["ground"] == ground


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T12:00Z", NOW),
        ("2026-11-21T13:00+01:00", NOW),
        ("2026-11-21 13:00", NOW),
        ("2026-11-21", NOW - 13 * HOUR),
        (None, None),
    ],
)
def test_moments_are_those_of_the_job_s_zone(text, at):
    """A time without an offset is what clocks show in the job's time zone."""
    assert retention.parse_moment(text, _job(timezone="Europe/Berlin")) == at


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "0001-01-01", "9999-12-31"])
def test_what_is_no_moment_is_a_usage_error(text):
    """P8: with the way to write it, and without a traceback for the ends of calendars."""
    with pytest.raises(UsageError, match="--at") as caught:
        retention.parse_moment(text, _job())
    assert "2027-01-01" in caught.value.hint


def test_what_is_no_simulation_is_a_usage_error():
    """P8: with the way to write it."""
    with pytest.raises(UsageError, match="has no unit") as caught:
        retention.parse_listing("every 15 for 2y")
    assert "every 15m for 2y" in caught.value.hint
    with pytest.raises(UsageError, match="before the year 1000"):
        simulated(_job(), parse_simulation("every 1d for 100y"), -30_000_000_000.0, Clock())


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_the_shape_or_the_picture(capsys, as_json):
    """Programs get all of it, people the picture; the exit code is 0 whatever goes."""
    seen = simulated(_job(keep={"last": 3}), parse_simulation("hourly for 2d"), None, Clock())

    assert retention.tell(seen, SimpleNamespace(json=as_json, no_color=False)) == 0

    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out) == json.loads(json.dumps(seen.shape()))
    else:
        assert "48 snapshots: 3 kept by rules, 45 go at the next prune; in the long run 3" in out
