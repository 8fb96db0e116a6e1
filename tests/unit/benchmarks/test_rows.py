"""Lines of a result: ratios, targets, JSON."""

from __future__ import annotations

import json

import pytest

from benchmarks.result import Result
from benchmarks.rows import LIMIT, Row


def row(**overrides):
    values = {"case": "bytes", "what": "one stream", "unit": "MiB/s", "better": "higher", "ours": 300.0}
    return Row(**(values | {"peer": "OpenSSH", "theirs": 200.0, "target": 1.0} | overrides))


@pytest.mark.parametrize(
    ("better", "ours", "theirs", "ratio"),
    [("higher", 300, 200, 1.5), ("lower", 300, 200, 2 / 3), ("lower", 0, 3, float("inf")), ("lower", 0, 0, 1.0)],
)
def test_a_ratio_above_one_is_ahead(better, ours, theirs, ratio):
    """Whatever the direction, a ratio above 1 says that ours is better."""
    assert row(better=better, ours=ours, theirs=theirs).ratio == ratio


@pytest.mark.parametrize(("target", "met"), [(None, None), (1.5, True), (1.51, False)])
def test_met(target, met):
    """A target is met by a ratio of at least so much; without one there is no verdict."""
    assert row(target=target).met is met


def test_result_and_json(tmp_path):
    """A result comes back from its file as it was, and the file has the ratios."""
    kept = Result(
        date="2026-11-21", versions={"OpenSSH": "9.2"}, machine={"processors": "2"}, rows=(row(), row(peer=LIMIT))
    )
    kept.write(tmp_path / "r.json")

    assert Result.read(tmp_path / "r.json") == kept
    assert json.loads((tmp_path / "r.json").read_text())["rows"][0]["ratio"] == 1.5
