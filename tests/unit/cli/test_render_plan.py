from datetime import UTC
from types import MappingProxyType

from zfspull.cli.render_plan import plan_view, totals
from zfspull.cli.shapes import failed_plan_shape, plan_shape
from zfspull.cli.terminal import as_text
from zfspull.errors import TransientError
from zfspull.plan.prune import DatasetPrune
from zfspull.plan.steps import DatasetPlan, Plan, Reason, Refusal, Step, StepKind
from zfspull.zfs.model import Kind, Snapshot


def _snapshot(name, guid):
    return Snapshot(name=name, guid=guid, createtxg=guid, creation=86400 * guid)


OLD, BASE, NEW = _snapshot("old", 2**63 + 1), _snapshot("base", 2), _snapshot("new", 3)
OLD = Snapshot(name="old", guid=2**63 + 1, createtxg=1, creation=0)
FULL = Step(
    kind=StepKind.FULL, source="z/h/new", target="b/h/new", dataset_kind=Kind.FILESYSTEM, to=NEW, raw=True, creates=True
)
RANGE = Step(kind=StepKind.RANGE, source="z/h", target="b/h", dataset_kind=Kind.FILESYSTEM, to=NEW, base=BASE)
REFUSAL = Refusal(reason=Reason.NO_COMMON_BASE, evidence="target has @x, source has @y", hint="rename the target")
PLAN = Plan(
    source_root="z/h",
    target_root="b/h",
    datasets=(
        DatasetPlan(path="", source="z/h", target="b/h", steps=(RANGE,), base=BASE, wanted=NEW),
        DatasetPlan(path="new", source="z/h/new", target="b/h/new", steps=(FULL,), wanted=NEW),
        DatasetPlan(path="ok", source="z/h/ok", target="b/h/ok", base=NEW, wanted=NEW),
        DatasetPlan(path="none", source="z/h/none", target="b/h/none"),
        DatasetPlan(path="bad", source="z/h/[b]\x1b", target="b/h/bad", wanted=NEW, refusal=REFUSAL, discard="stale"),
    ),
    placeholders=("b",),
    missing=("gone",),
)
PRUNES = (
    DatasetPrune("b/h", (OLD,), MappingProxyType({2: ("last 1/1",)}), (BASE,)),
    DatasetPrune("b/h/ok", (), MappingProxyType({3: ("guard: base",)}), (NEW,)),
)
SHAPE = plan_shape("home", "gw", PLAN, {RANGE: 2**20, FULL: None}, PRUNES)


def test_the_table_shows_steps_sizes_and_states():
    """Each dataset has a line that says what would be done and how much it is."""
    shown = as_text(plan_view(SHAPE, UTC), 100).splitlines()

    assert [" ".join(line.split()) for line in shown[:7]] == [
        "home: gw:z/h -> b/h",
        "DATASET TO DO SIZE",
        "z/h range @base -> @new 1.0 MiB",
        "z/h/new full @new (raw) -",
        "z/h/ok up to date at @new",
        "z/h/none no snapshot that the job wants",
        "z/h/[b]\\x1b refused (no_common_base) -",
    ]


def test_a_refusal_comes_with_evidence_and_the_way_out():
    """What needs a decision shows both sides' evidence and what can be done."""
    shown = as_text(plan_view(SHAPE, UTC), 100)

    assert (
        "refused: z/h/[b]\\x1b -> b/h/bad (no_common_base)\n  target has @x, source has @y\n  hint: rename the target\n"
    ) in shown


def test_the_plan_says_what_would_be_given_up_created_and_left():
    """Nothing that a run would do to the target comes as a surprise."""
    shown = as_text(plan_view(SHAPE, UTC), 100)

    assert "b/h/bad: the interrupted receive would be given up: stale" in shown
    assert "b: would be created, empty" in shown
    assert "b/h/gone: no longer on the source; it stays here" in shown
    assert "prune b/h: 1 of 2 snapshots that no keep rule holds:\n  @old  1970-01-01 00:00:00\n" in shown
    assert "prune b/h/ok" not in shown


def test_the_totals_come_last():
    """The last line sums up, and says which sizes are unknown."""
    assert as_text(plan_view(SHAPE, UTC), 120).splitlines()[-1] == (
        "5 datasets: 2 steps (1.0 MiB and 1 step of unknown size), 1 up to date, 1 refused, 1 snapshot to prune"
    )
    idle = {"datasets": 1, "steps": 0, "up_to_date": 1, "refused": 0, "bytes": 0, "unknown_sizes": 0, "destroy": 0}
    idle["source_destroy"] = 0
    assert totals(idle) == "1 dataset: nothing to send, 1 up to date"


def test_what_goes_on_the_source_is_told_apart():
    """A job that prunes its source shows what would go there, by the names that it has there."""
    there = DatasetPrune("z/h", (OLD,), MappingProxyType({2: ("guard: base",)}), (BASE,))
    shape = plan_shape("home", "gw", PLAN, {}, [], source_prunes=[there])

    shown = as_text(plan_view(shape, UTC), 200)

    assert "prune z/h on the source: 1 of 2 snapshots that no keep rule holds:\n  @old" in shown
    assert shown.endswith(", 1 snapshot to prune on the source")
    assert shape["source_prune"][0]["destroy"][0]["name"] == "old"


def test_a_long_list_of_snapshots_is_cut():
    """A dataset that loses hundreds of snapshots does not bury the rest; the count is told."""
    many = tuple(Snapshot(name=f"s{n}", guid=n, createtxg=n, creation=n) for n in range(25))
    shape = plan_shape("home", "gw", PLAN, {}, [DatasetPrune("b/h", many, MappingProxyType({}))])

    shown = as_text(plan_view(shape, UTC), 100)

    assert "  @s9 " in shown
    assert "@s10" not in shown
    assert "  and 15 more" in shown


def test_a_job_that_could_not_be_looked_at_says_why():
    """A host out of reach is told in the place of its plan, with the hint."""
    shape = failed_plan_shape("home", "gw", TransientError("no answer", hint="is it up?"))

    assert as_text(plan_view(shape, UTC), 100) == "home: no answer\n  hint: is it up?"


def test_the_json_of_a_plan_has_its_documented_shape():
    """Programs find every step, refusal and snapshot; guids are text, for they have 64 bits."""
    root, new, _, none, bad = SHAPE["datasets"]

    assert root["steps"] == [
        {"kind": "range", "from": "@base", "to": "@new", "bytes": 2**20, "raw": False, "creates": False}
    ]
    assert new["steps"][0]["from"] is None
    assert new["steps"][0]["bytes"] is None
    assert none["state"] == "nothing_wanted"
    assert bad["refusal"] == {"reason": "no_common_base", "evidence": REFUSAL.evidence, "hint": REFUSAL.hint}
    assert SHAPE["prune"][0]["destroy"] == [{"name": "old", "guid": str(2**63 + 1), "created_at": 0}]
    assert SHAPE["prune"][0]["keep"] == [{"name": "base", "guid": "2", "created_at": 172800, "reasons": ["last 1/1"]}]
    assert SHAPE["totals"]["unknown_sizes"] == 1
    assert failed_plan_shape("home", "gw", TransientError("x")).keys() == SHAPE.keys()
