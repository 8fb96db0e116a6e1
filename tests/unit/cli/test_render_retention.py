import io
from datetime import UTC, datetime, timedelta

from zfspull.cli.render_retention import retention_view, totals
from zfspull.cli.terminal import Terminal, as_text, show


AT = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
HEAD = {
    "job": "home\x1b", "at": AT, "zone": "UTC", "simulated": None, "guards": True, "unreachable": None, "exceeded": None,
}  # fmt: skip
TOTALS = {"snapshots": 3, "kept": 1, "guarded": 1, "going": 1, "steady": 9, "grows": False}


def _snapshot(name, fate, goes, goes_at=None, **more):
    return {
        "name": name,
        "guid": "1",
        "created_at": AT,
        "fate": fate,
        "reasons": [],
        "goes": goes,
        "goes_at": goes_at,
        **more,
    }


def _dataset(snapshots=(), days=(), assumed=()):
    return {
        "dataset": "b/[red]h\x1b", "set": None, "assumed": list(assumed), "snapshots": list(snapshots),
        "days": list(days), "totals": TOTALS,
    }  # fmt: skip


def _shown(*datasets, **head):
    return as_text(retention_view({**HEAD, **head, "datasets": list(datasets)}, UTC), 200).splitlines()


def test_each_snapshot_has_a_row_with_its_end():
    """Fate, reasons and end of each, with control characters escaped and no markup taken for such."""
    lines = _shown(
        _dataset(
            [
                _snapshot("a\x1b", "go", "now", AT),
                _snapshot("b", "guarded", "held", reasons=["guard: held"]),
                _snapshot("c", "keep", "held", AT + 60, reasons=["last 1/1 of ^[red]", "guard: cloned"]),
                _snapshot("d", "keep", "at", AT + 3600, reasons=["last 1/1"], guid=None),
                _snapshot("e", "keep", "never", reasons=["no rule set"]),
                _snapshot("f", "keep", "unforeseen", reasons=["last 1/1"]),
            ],
            [{"day": "2026-11-21", "kept": 5, "total": 6}],
        )
    )

    table = lines[[line.split() for line in lines].index(["SNAPSHOT", "CREATED", "FATE", "WHY", "GOES"]) + 1 :]
    assert [" ".join(line.split()) for line in table] == [
        "a\\x1b 2026-11-21 12:00:00 go no keep rule holds it at the next prune",
        "b 2026-11-21 12:00:00 guarded guard: held when no guard or mirror holds it",
        "c 2026-11-21 12:00:00 keep last 1/1 of ^[red], guard: cloned 2026-11-21 12:01:00, unless held",
        "(assumed) 2026-11-21 12:00:00 keep last 1/1 2026-11-21 13:00:00",
        "e 2026-11-21 12:00:00 keep no rule set never",
        "f 2026-11-21 12:00:00 keep last 1/1 not foreseen",
    ]
    assert lines[:3] == [
        "home\\x1b: as of 2026-11-21 12:00:00; days and times are those of UTC",
        "",
        "b/[red]h\\x1b",
    ]


def _days(first, figures):
    return [
        {"day": (datetime.fromisoformat(first) + timedelta(days=number)).strftime("%Y-%m-%d"), "kept": k, "total": n}
        for number, (k, n) in figures.items()
    ]


def test_a_short_time_has_a_row_for_each_week():
    """From Monday to Sunday, how many of each day's snapshots stay."""
    days = _days("2026-11-19", {0: (0, 24), 1: (3, 24), 4: (12, 12)})

    lines = _shown(_dataset([_snapshot("a", "keep", "never")], days))

    assert "kept of       Mon    Tue    Wed    Thu    Fri    Sat    Sun" in lines
    assert "2026-W47        .      .      .   0/24   3/24      .      ." in lines
    assert "2026-W48    12/12      .      .      .      .      .      ." in lines


def test_a_long_time_has_a_row_for_each_month():
    """A mark for each day that there is, and the sums of the month."""
    days = _days("2026-11-01", {0: (0, 4), 1: (9, 9), 2: (10, 12), 119: (1, 1)})

    lines = _shown(_dataset([_snapshot("a", "keep", "never")], days))

    assert "         1234567890123456789012345678901" in lines
    assert "2026-11  -9+...........................   19 of 25" in lines
    assert "2027-01  ...............................  0 of 0" in lines
    assert f"2027-02  {'.' * 27}1     1 of 1" in lines


def test_colours_are_for_terminals():
    """Green where all stay, yellow for a part, red for none; no escape where there is no colour."""
    days = _days("2026-11-16", {0: (2, 2), 1: (1, 2), 2: (0, 2)})
    view = retention_view({**HEAD, "datasets": [_dataset([_snapshot("a", "keep", "never")], days)]}, UTC)
    plain, coloured = io.StringIO(), io.StringIO()

    show(view, Terminal(animated=True, coloured=False, columns=120), plain)
    show(view, Terminal(animated=True, coloured=True, columns=120), coloured)

    assert "\x1b" not in plain.getvalue()
    for code, figure in (("32", "2/2"), ("33", "1/2"), ("31", "0/2")):
        assert f"\x1b[{code}m  {figure}" in coloured.getvalue()


def test_what_is_assumed_is_told():
    """Each rule set has its assumption with the ground that it stands on."""
    lines = _shown(
        _dataset(
            assumed=[
                {"set": None, "rhythm": "@hourly", "ground": "schedule"},
                {"set": "_daily$", "rhythm": "every 1d", "ground": "median"},
                {"set": "^x", "rhythm": None, "ground": "nothing"},
            ]
        )
    )

    assert "assumed: a snapshot @hourly (the job's schedule)" in lines
    assert "assumed for _daily$: a snapshot every 1d (the median distance of the newest)" in lines
    assert "assumed for ^x: nothing, for there are too few snapshots; without new ones none goes later" in lines


def test_what_stands_in_the_way_is_told():
    """A source out of reach, a prune too large, a simulation and an empty target each have their line."""
    lines = _shown(
        unreachable={"message": "no answer"}, exceeded={"message": "too many"}, simulated="hourly for 1d", guards=False
    )

    assert "the source could not be asked; until it can be, nothing goes: no answer" in lines
    assert "the next prune would be refused: too many" in lines
    assert "simulated: hourly for 1d; no machine was asked" in lines
    assert "rules only: guards and a mirror are not foreseen" in lines
    assert any("nothing on the target" in line for line in lines)


def test_a_long_listing_is_cut_and_says_so():
    """Of thousands only the newest are listed; the JSON has all."""
    going = [_snapshot(f"g{number}", "go", "now", AT) for number in range(30)]
    staying = [_snapshot(f"s{number}", "keep", "never") for number in range(505)]

    lines = _shown(_dataset(going + staying, _days("2026-11-21", {0: (505, 535)})))

    assert lines[-1] == "and 5 older that stay, 10 older that go; --json has all"
    assert sum("at the next prune" in line for line in lines if line.startswith("g")) == 20


def test_totals_tell_the_long_run():
    """What stays now, what goes, and what it will come to."""
    assert totals(TOTALS) == (
        "3 snapshots: 1 kept by rules, 1 by guards alone, 1 go at the next prune; in the long run 9"
    )
    assert totals({**TOTALS, "guarded": 0, "going": 0, "steady": None, "grows": True}) == (
        "3 snapshots: 1 kept by rules, and all that arrive for a set that keeps everything"
    )
